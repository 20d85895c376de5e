import type { JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import type { ItemSort } from "../../src/wire.ts"
import { short } from "../format.ts"
import { useHash, useLive } from "../live/hooks.ts"
import { addressOf, listAt, quickLists, replaceList } from "../live/list-address.ts"
import { ItemTable } from "../parts/item-table.tsx"

export function Items(): JSX.Element {
  const list = listAt(useHash())
  const { quick: chosen, question } = list
  const { hello, state } = useLive()
  const { failed, retried, cut, inFlight } = state.items
  const offered = quickLists.filter(({ filter }) => filter !== "in flight" || !hello.fromJournal)
  const counts: Readonly<Record<string, number>> = {
    failed,
    retried,
    cut,
    flight: inFlight,
  }
  const sortBy = (sort: ItemSort): void => {
    const descending = question.sort === sort ? !question.descending : sort !== "index" && sort !== "status"
    replaceList({ quick: chosen, question: { ...question, sort, descending } }, "head")
  }
  // A moment after it was typed: another list may be there by then.
  const search = (words: string): void => {
    const now = listAt(location.hash)
    replaceList({ quick: now.quick, question: { ...now.question, text: words } })
  }
  return (
    <section class="items" aria-label="Items">
      <div class="toolbar">
        <div class="quick" role="group" aria-label="Quick filters">
          {offered.map((each) => (
            <a
              key={each.name}
              class="button"
              href={addressOf({ quick: each, question: { ...each, text: question.text } })}
              aria-current={each === chosen ? "true" : undefined}
            >
              {each.title}
              {counts[each.name] ? <b> {short(counts[each.name]!)}</b> : null}
            </a>
          ))}
        </div>
        <SearchBox text={question.text} onSearch={search} />
      </div>
      <ItemTable key={JSON.stringify(question)} question={question} sortBy={sortBy} />
    </section>
  )
}

function SearchBox({ text, onSearch }: { text: string; onSearch: (text: string) => void }): JSX.Element {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const box = useRef<HTMLInputElement>(null)
  // The address says what is searched for, but to who is typing.
  useEffect(() => {
    if (timer.current === undefined && box.current!.value.trim() !== text) box.current!.value = text
  }, [text])
  useEffect(() => () => clearTimeout(timer.current), [])
  return (
    <input
      type="search"
      placeholder="Search prompts and answers"
      aria-label="Search prompts and answers"
      ref={box}
      onInput={({ currentTarget: { value } }) => {
        clearTimeout(timer.current)
        timer.current = setTimeout(() => {
          timer.current = undefined
          onSearch(value.trim())
        }, 250)
      }}
    />
  )
}
