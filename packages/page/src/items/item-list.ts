import type { TextSource } from "./text-source.ts"
import type { ItemColumns } from "./item-columns.ts"
import type { RowIndex } from "./row-index.ts"
import { type ItemOrder, sortedRows } from "./sorted-rows.ts"
import type { TextSearch } from "./text-search.ts"
import type { ItemPage, ItemRow } from "../wire.ts"

export interface ItemQuestion extends ItemOrder {
  readonly offset: number
  readonly limit: number
  /** Only items that have this text in what was asked or answered. */
  readonly text: string
}

interface OrderedRows {
  readonly key: string
  readonly version: number
  readonly atMs: number
  readonly rows: Uint32Array
}

/** A list that changes is put in order again after this long at the earliest, and longer the longer that takes. */
const freshMs = 500
const mostSearches = 4

/** Without a journal nothing has a text. */
const noTexts: TextSearch = { found: new Set(), share: () => 1, goOn: () => {}, stop: () => {} }

/** Answers what the table asks: a window of the items that fit, in order. */
export class ItemList {
  readonly #columns: ItemColumns
  readonly #index: RowIndex
  readonly #source: () => TextSource | undefined
  readonly #now: () => number
  readonly #searches = new Map<string, TextSearch>()
  #answered: OrderedRows[] = []

  constructor(columns: ItemColumns, index: RowIndex, source: () => TextSource | undefined, now: () => number) {
    this.#columns = columns
    this.#index = index
    this.#source = source
    this.#now = now
  }

  page(question: ItemQuestion): ItemPage {
    const { offset, limit, text } = question
    const search = text === "" ? undefined : this.#search(text)
    const { rows, isStale } = this.#rows(question, search)
    const shown = Array.from(rows.subarray(offset, offset + limit), (row) => this.row(row))
    const searched = search?.share(this.#columns.count) ?? 1
    const { areOfSeveralNodes } = this.#columns
    return {
      count: rows.length,
      offset,
      rows: shown,
      areOfSeveralNodes,
      ...(searched < 1 && { searched }),
      ...(isStale && { isStale }),
    }
  }

  row(row: number): ItemRow {
    const { index, attempts, waitMs, latencyMs, inputTokens, outputTokens, usd } = this.#columns
    const node = this.#columns.node(row)
    const status = this.#columns.status(row)
    const finish = this.#columns.finish(row)
    const preview = this.#source()?.preview(node, index[row]!)
    return {
      row,
      node,
      index: index[row]!,
      status,
      attempts: attempts[row]!,
      ...known("waitMs", waitMs[row]!),
      ...known("latencyMs", latencyMs[row]!),
      ...known("inputTokens", inputTokens[row]!),
      ...known("outputTokens", outputTokens[row]!),
      ...known("usd", usd[row]!),
      ...(finish !== undefined && { finish }),
      // Where no journal has what it failed with.
      ...(status === "failed" && finish !== undefined && { output: finish }),
      ...preview,
    }
  }

  /** Ends searches that go on. */
  close(): void {
    for (const search of this.#searches.values()) search.stop()
    this.#searches.clear()
    this.#answered = []
  }

  #rows(
    question: ItemQuestion,
    search: TextSearch | undefined,
  ): { readonly rows: Uint32Array; readonly isStale: boolean } {
    const { filter, sort, descending, text } = question
    const key = JSON.stringify([filter, sort, descending, text])
    const version = this.#columns.version + (search?.found.size ?? 0)
    const now = this.#now()
    const known = this.#answered.find((each) => each.key === key)
    if (known && (known.version === version || now - known.atMs < freshMs + this.#columns.count / 500))
      return { rows: known.rows, isStale: known.version !== version }
    const rows = sortedRows(this.#columns, { filter, sort, descending }, search?.found)
    this.#answered = [{ key, version, atMs: now, rows }, ...this.#answered.filter((each) => each.key !== key)].slice(
      0,
      4,
    )
    return { rows, isStale: false }
  }

  #search(text: string): TextSearch {
    const source = this.#source()
    if (!source) return noTexts
    let search = this.#searches.get(text)
    if (!search) {
      search = source.search(text, (node, index) => this.#index.get(node, index))
      this.#searches.set(text, search)
      const [oldest] = this.#searches
      if (oldest && this.#searches.size > mostSearches) {
        oldest[1].stop()
        this.#searches.delete(oldest[0])
      }
    }
    search.goOn()
    return search
  }
}

function known<Name extends string>(name: Name, value: number): { [Key in Name]?: number } {
  return Number.isNaN(value) ? {} : ({ [name]: value } as { [Key in Name]?: number })
}
