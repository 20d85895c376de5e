import type { Hello, Mark, Tick } from "../../src/wire.ts"
import { appended, type Columns, columnsOf } from "./columns.ts"

/** `lost`: the process does not answer; `refused`: one does, and does not know this page's token. */
export type Connection = "open" | "lost" | "refused"

/** Everything that the page knows, as it was told last. */
export interface Live {
  readonly hello: Hello
  readonly state: Hello["state"]
  readonly series: Columns
  readonly marks: readonly Mark[]
  readonly connection: Connection
}

const again = 1_000
const listeners = new Set<() => void>()

let live: Live = fromHello(JSON.parse(document.querySelector("#hello")?.textContent ?? "{}") as Hello, "lost")

export function current(): Live {
  return live
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** Follows the run as long as the page is open; after an interruption everything is told anew. */
export function connect(): void {
  // The token has become a cookie: in the address it would be in the history and over people's shoulders.
  if (location.search !== "") history.replaceState(null, "", location.pathname + location.hash)
  listen()
}

function listen(): void {
  const events = new EventSource("/api/live")
  events.addEventListener("hello", ({ data }) => become(fromHello(JSON.parse(data as string) as Hello, "open")))
  events.addEventListener("tick", ({ data }) => {
    const { state, series, marks } = JSON.parse(data as string) as Tick
    become({
      ...live,
      state,
      series: appended(live.series, series),
      marks: merged(live.marks, marks),
      connection: "open",
    })
  })
  events.addEventListener("error", () => {
    events.close()
    void isRefused().then((refused) => become({ ...live, connection: refused ? "refused" : "lost" }))
    setTimeout(listen, again)
  })
}

async function isRefused(): Promise<boolean> {
  try {
    return (await fetch("/api/items?limit=0")).status === 401
  } catch {
    return false
  }
}

function become(next: Live): void {
  live = next
  for (const listener of listeners) listener()
}

function fromHello(hello: Hello, connection: Connection): Live {
  const { state, series, marks } = hello
  return { hello, state, series: columnsOf(series), marks, connection }
}

function merged(before: readonly Mark[], changes: readonly Mark[]): readonly Mark[] {
  if (changes.length === 0) return before
  const marks = new Map(before.map((mark) => [mark.id, mark]))
  for (const mark of changes) marks.set(mark.id, mark)
  return [...marks.values()]
}
