import type { JSX } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import type { ItemRow, ItemSort } from "../../src/wire.ts"
import { dollars, duration, isOver, items, short } from "../format.ts"
import { type ItemQuestion, useItemRows } from "../live/item-rows.ts"
import { useHash, useLive } from "../live/hooks.ts"

/**
 * Pixels; a million rows stay below what a browser can scroll (33.5 million). All rows have this height, so that what is seen is a division:
 * a virtualiser (@tanstack/virtual-core 3.19) measures each row instead, which for a million takes 23 MB, and tens of milliseconds again each
 * time that a row comes; without an adapter for Preact it needs more code around it than it replaces.
 */
const rowHeight = 30
const mostRows = 1_100_000

const quick: readonly (Omit<ItemQuestion, "text"> & { readonly name: string; readonly title: string })[] = [
  { name: "all", title: "All", filter: "all", sort: "index", descending: false },
  { name: "failed", title: "Failed", filter: "failed", sort: "settled", descending: true },
  { name: "retried", title: "Retried", filter: "retried", sort: "attempts", descending: true },
  { name: "cut", title: "Cut", filter: "cut", sort: "index", descending: false },
  { name: "slowest", title: "Slowest", filter: "all", sort: "latency", descending: true },
  { name: "flight", title: "In flight", filter: "in flight", sort: "index", descending: false },
]

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

export function Items(): JSX.Element {
  const name = /^#\/items\/([^?]*)/.exec(useHash())?.[1] ?? ""
  const chosen = quick.find((each) => each.name === name) ?? quick[0]!
  const [order, setOrder] = useState<{ of: string; sort: ItemSort; descending: boolean }>()
  const [text, setText] = useState("")
  const own = order?.of === chosen.name ? order : chosen
  const question: ItemQuestion = { filter: chosen.filter, sort: own.sort, descending: own.descending, text }
  const { hello, state } = useLive()
  const { failed, retried, cut, inFlight } = state.items
  const offered = quick.filter(({ filter }) => filter !== "in flight" || !hello.fromJournal)
  const counts: Readonly<Record<string, number>> = {
    failed,
    retried,
    cut,
    flight: inFlight,
  }
  const sortBy = (sort: ItemSort): void =>
    setOrder({
      of: chosen.name,
      sort,
      descending: own.sort === sort ? !own.descending : sort !== "index" && sort !== "status",
    })
  return (
    <section class="items" aria-label="Items">
      <div class="toolbar">
        <div class="quick" role="group" aria-label="Quick filters">
          {offered.map((each) => (
            <a
              key={each.name}
              class="button"
              href={`#/items/${each.name}`}
              aria-current={each === chosen ? "true" : undefined}
            >
              {each.title}
              {counts[each.name] ? <b> {short(counts[each.name]!)}</b> : null}
            </a>
          ))}
        </div>
        <SearchBox onSearch={setText} />
      </div>
      <Table key={JSON.stringify(question)} question={question} sortBy={sortBy} />
    </section>
  )
}

function SearchBox({ onSearch }: { onSearch: (text: string) => void }): JSX.Element {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  return (
    <input
      type="search"
      placeholder="Search prompts and answers"
      aria-label="Search prompts and answers"
      onInput={({ currentTarget: { value } }) => {
        clearTimeout(timer.current)
        timer.current = setTimeout(() => onSearch(value.trim()), 250)
      }}
    />
  )
}

function Table({ question, sortBy }: { question: ItemQuestion; sortBy: (sort: ItemSort) => void }): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  const [focused, setFocused] = useState(0)
  const { state } = useLive()
  const { version } = state
  const first = Math.floor(top / rowHeight)
  const visible = Math.ceil(height / rowHeight) + 1
  const { page, rowAt } = useItemRows(question, first, visible, version)
  const all = Math.min(mostRows, page?.count ?? 0)

  useEffect(() => {
    const element = scroller.current!
    const resized = new ResizeObserver(() => setHeight(element.clientHeight))
    resized.observe(element)
    return () => resized.disconnect()
  }, [])

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
    const row = rowAt(focused)
    if (step !== undefined) move(focused + step)
    else if (event.key === "Enter" && row) location.hash = `#/item/${row.row}`
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
        class="grid"
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
                <button type="button" tabIndex={-1} onClick={() => sortBy(sort)}>
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
            <Row key={at} at={at} row={rowAt(at)} isFocused={at === focused} />
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

function Row({ at, row, isFocused }: { at: number; row: ItemRow | undefined; isFocused: boolean }): JSX.Element {
  const style = { transform: `translateY(${at * rowHeight}px)` }
  if (!row) return <div class="row" role="row" style={style} aria-rowindex={at + 2} />
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
    <span class={kind} role="gridcell" dir="auto">
      {text}
    </span>
  )
  return (
    <div
      id={`row-${at}`}
      class={`row ${isFocused ? "focused" : ""}`}
      role="row"
      aria-rowindex={at + 2}
      style={style}
      onClick={() => (location.hash = `#/item/${row.row}`)}
    >
      <span class="status" role="gridcell">
        <span class={`dot ${status.replace(" ", "-")}`} aria-hidden="true" />
        <span class="word">{status}</span>
      </span>
      <span class="index" role="gridcell" title={`${node}[${index}]`}>
        <a href={`#/item/${row.row}`} tabIndex={-1}>
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
      {cell("finish", finish)}
    </div>
  )
}
