import { useEffect, useRef, useState } from "preact/hooks"
import type { ItemFilter, ItemPage, ItemRow, ItemSort } from "../../src/wire.ts"
import { ask } from "./ask.ts"

const blockSize = 100

/** Which items, in what order. */
export interface ItemQuestion {
  readonly filter: ItemFilter
  readonly sort: ItemSort
  readonly descending: boolean
  readonly text: string
}

/** The rows around what is seen, a hundred at a time; asked for again when items have changed. */
export function useItemRows(
  question: ItemQuestion,
  first: number,
  visible: number,
  version: number,
): {
  page: ItemPage | undefined
  rowAt: (at: number) => ItemRow | undefined
  /** Where a row is among those around what is seen. */
  placeOf: (row: number) => number | undefined
} {
  const blocks = useRef(new Map<number, ItemPage>())
  const [page, setPage] = useState<ItemPage>()
  const from = Math.floor(first / blockSize)
  const to = Math.floor((first + visible) / blockSize)
  // A search goes on without anything changing, and so does the order of many.
  const [round, setRound] = useState(0)
  useEffect(() => {
    let isGone = false
    const load = async (block: number): Promise<void> => {
      const { filter, sort, descending, text } = question
      const query = new URLSearchParams({
        filter,
        sort,
        descending: String(descending),
        text,
        offset: String(block * blockSize),
        limit: String(blockSize),
      })
      const answer = await ask<ItemPage>(`api/items?${query.toString()}`)
      if (isGone) return
      blocks.current.set(block, answer)
      for (const known of blocks.current.keys()) if (known < from - 2 || known > to + 2) blocks.current.delete(known)
      setPage(answer)
      if (answer.searched !== undefined || answer.isStale === true)
        setTimeout(() => setRound((before) => before + 1), answer.isStale === true ? 1_000 : 300)
    }
    for (let block = from; block <= to; block++) load(block).catch(() => {})
    return () => void (isGone = true)
  }, [from, to, version, round])
  const placeOf = (row: number): number | undefined => {
    for (const { offset, rows } of blocks.current.values()) {
      const at = rows.findIndex((each) => each.row === row)
      if (at !== -1) return offset + at
    }
    return undefined
  }
  return { page, rowAt: (at) => blocks.current.get(Math.floor(at / blockSize))?.rows[at % blockSize], placeOf }
}
