import type { JSX } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import type { ItemRow, ItemSort } from "../../src/wire.ts"
import { dollars, duration, isOver, isSaid, items, short } from "../format.ts"
import { useLive } from "../live/hooks.ts"
import { type ItemQuestion, useItemRows } from "../live/item-rows.ts"
import { keepPlace, placeNow } from "../live/list-address.ts"

/**
 * Pixels; a million rows stay below what a browser can scroll (33.5 million). All rows have this height, so that what is seen is a division:
 * a virtualiser (@tanstack/virtual-core 3.19) measures each row instead, which for a million takes 23 MB, and tens of milliseconds again each
 * time that a row comes; without an adapter for Preact it needs more code around it than it replaces.
 */
const rowHeight = 30
const mostRows = 1_100_000

/** Columns whose texts may be cut, and are whole in their titles. */
const texts = new Set(["asked", "answered", "finish"])

const columns: readonly { readonly title: string; readonly class: string; readonly sort?: ItemSort }[] = [
  { title: "Status", class: "status", sort: "status" },
  { title: "#", class: "index", sort: "index" },
  { title: "Asked", class: "asked" },
  { title: "Answered", class: "answered" },
  { title: "Tries", class: "number attempts", sort: "attempts" },
  { title: "Waited", class: "number wait", sort: "wait" },
  { title: "Took", class: "number latency", sort: "latency" },
  { title: "In", class: "number input", sort: "input" },
  { title: "Out", class: "number output", sort: "output" },
  { title: "Cost", class: "number usd", sort: "usd" },
  { title: "End", class: "finish" },
]

export function ItemTable({
  question,
  sortBy,
}: {
  question: ItemQuestion
  sortBy: (sort: ItemSort) => void
}): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null)
  const [before] = useState(placeNow)
  const [top, setTop] = useState(before.top)
  const [height, setHeight] = useState(600)
  const [focused, setFocused] = useState(before.focused)
  const { state } = useLive()
  const { version } = state
  const first = Math.floor(top / rowHeight)
  const visible = Math.ceil(height / rowHeight) + 1
  const { page, rowAt, placeOf } = useItemRows(question, first, visible, version)
  const all = Math.min(mostRows, page?.count ?? 0)

  useEffect(() => {
    const element = scroller.current!
    const resized = new ResizeObserver(() => setHeight(element.clientHeight))
    resized.observe(element)
    return () => resized.disconnect()
  }, [])

  // Once there are rows enough to be where one was: a search that is not through yet has fewer.
  const isBack = useRef(before.top === 0 && before.row === undefined)
  useLayoutEffect(() => {
    const element = scroller.current!
    if (isBack.current || all === 0) return
    const at = (before.row === undefined ? undefined : placeOf(before.row)) ?? before.focused
    const wanted = before.top + (at - before.focused) * rowHeight
    setFocused(at)
    element.scrollTop = wanted
    isBack.current = element.scrollTop === wanted || page?.searched === undefined
  }, [all, page])
  useEffect(() => {
    const element = scroller.current!
    if (before.on === "rows") element.focus({ preventScroll: true })
    if (before.on === "head") element.querySelector<HTMLElement>("[aria-sort] button")?.focus()
  }, [])
  // For a reload, and for whoever leaves by another way than a row; a browser takes no more than a few of these a second.
  useEffect(() => {
    const on = document.activeElement === scroller.current ? "rows" : undefined
    const timer = setTimeout(() => keepPlace({ focused, top, ...(on && { on }) }), 200)
    return () => clearTimeout(timer)
  }, [focused, top])
  const open = (at: number): void => {
    const row = rowAt(at)
    if (!row) return
    keepPlace({ focused: at, row: row.row, top: scroller.current!.scrollTop, on: "rows" })
    location.hash = `#/row/${row.row}`
  }

  const move = (to: number): void => {
    const next = Math.max(0, Math.min(all - 1, to))
    setFocused(next)
    const element = scroller.current!
    const [above, below] = [next * rowHeight, (next + 1) * rowHeight - element.clientHeight + rowHeight]
    if (element.scrollTop > above) element.scrollTop = above
    else if (element.scrollTop < below) element.scrollTop = below
  }
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: visible - 2,
    PageUp: 2 - visible,
    Home: -Infinity,
    End: Infinity,
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = steps[event.key]
    if (step !== undefined) move(focused + step)
    else if (event.key === "Enter" && event.target === event.currentTarget) open(focused)
    else return
    event.preventDefault()
  }
  const shown = Array.from({ length: Math.max(0, Math.min(visible, all - first)) }, (_, at) => first + at)
  return (
    <>
      <p class="faint count" role="status">
        {page ? items(page.count) : "…"}
        {page?.searched !== undefined && `, ${Math.floor(page.searched * 100)} % looked through`}
      </p>
      <div
        class={`grid ${page?.areOfSeveralNodes ? "named" : ""}`}
        role="grid"
        aria-label="Items"
        aria-rowcount={all + 1}
        aria-activedescendant={shown.includes(focused) ? `row-${focused}` : undefined}
        tabIndex={0}
        ref={scroller}
        onScroll={({ currentTarget }) => setTop(currentTarget.scrollTop)}
        onKeyDown={onKeyDown}
      >
        <div class="row head" role="row" aria-rowindex={1}>
          {columns.map(({ title, class: kind, sort }) => (
            <span
              key={title}
              class={kind}
              role="columnheader"
              aria-sort={sort === question.sort ? (question.descending ? "descending" : "ascending") : undefined}
            >
              {sort ? (
                <button type="button" onClick={() => sortBy(sort)}>
                  {title}
                  {sort === question.sort && <span aria-hidden="true">{question.descending ? " ↓" : " ↑"}</span>}
                </button>
              ) : (
                title
              )}
            </span>
          ))}
        </div>
        {page?.count === 0 && page.searched === undefined && (
          <p class="faint none">{noneWords(question, isOver(state))}</p>
        )}
        <div role="rowgroup" class="rows" style={{ height: `${all * rowHeight}px` }}>
          {shown.map((at) => (
            <Row
              key={at}
              at={at}
              row={rowAt(at)}
              isFocused={at === focused}
              isNamed={page?.areOfSeveralNodes === true}
              onOpen={open}
            />
          ))}
        </div>
      </div>
    </>
  )
}

/** Of a table that is empty. */
function noneWords({ filter, text }: ItemQuestion, isPast: boolean): string {
  if (text !== "") return "Nothing that was asked or answered has this text."
  if (filter === "all") return isPast ? "This run has no items." : "No item has begun yet."
  const words = {
    failed: "has failed",
    retried: "was tried again",
    cut: "was cut",
    "in flight": "is in flight",
    ok: "is done",
  }
  return `No item ${words[filter]}.`
}

function Row({
  at,
  row,
  isFocused,
  isNamed,
  onOpen,
}: {
  at: number
  row: ItemRow | undefined
  isFocused: boolean
  isNamed: boolean
  onOpen: (at: number) => void
}): JSX.Element {
  const style = { transform: `translateY(${at * rowHeight}px)` }
  if (!row) return <div id={`row-${at}`} class="row" role="row" style={style} aria-rowindex={at + 2} />
  const {
    index,
    node,
    key,
    status,
    attempts,
    waitMs,
    latencyMs,
    inputTokens,
    outputTokens,
    usd,
    finish,
    input,
    output,
  } = row
  const cell = (kind: string, text: string | undefined): JSX.Element => (
    <span class={kind} role="gridcell" dir="auto" title={texts.has(kind) ? text : undefined}>
      {text}
    </span>
  )
  return (
    <div
      id={`row-${at}`}
      class={`row ${isFocused ? "focused" : ""}`}
      role="row"
      aria-rowindex={at + 2}
      aria-selected={isFocused}
      style={style}
      onClick={(event) => {
        // A new tab is the browser's own doing.
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        onOpen(at)
      }}
    >
      <span class="status" role="gridcell">
        <span class={`dot ${status.replace(" ", "-")}`} aria-hidden="true" />
        <span class="word">{status}</span>
      </span>
      <span class="index" role="gridcell" title={`${node}[${index}]`}>
        <a href={`#/row/${row.row}`} tabIndex={-1}>
          {isNamed && <span class="whose">{node.split("/").at(-1)}</span>}
          {key ?? index}
        </a>
      </span>
      {cell("asked", input)}
      {cell("answered", output)}
      {cell("number attempts", attempts > 0 ? String(attempts) : "")}
      {cell("number wait", waitMs === undefined || waitMs < 1 ? "" : duration(waitMs))}
      {cell("number latency", latencyMs === undefined ? "" : duration(latencyMs))}
      {cell("number input", inputTokens === undefined ? "" : short(inputTokens))}
      {cell("number output", outputTokens === undefined ? "" : short(outputTokens))}
      {cell("number usd", usd === undefined ? "" : dollars(usd))}
      {cell("finish", isSaid(finish, output) ? undefined : finish)}
    </div>
  )
}
