import type { Hello, Mark, Tick } from "../../src/wire.ts"
import { appended, type Columns, columnsOf } from "./columns.ts"
import { mostMarks } from "../../src/chart/mark-words.ts"
import { listen } from "./listen.ts"
import { Store } from "./store.ts"

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

export const live: Store<Live> = new Store(
  fromHello(JSON.parse(document.querySelector("#hello")?.textContent ?? "{}") as Hello, "lost"),
)

/** Follows the run as long as the page is open; after an interruption everything is told anew. */
export function connect(): void {
  // The token has become a cookie: in the address it would be in the history and over people's shoulders.
  if (location.search !== "") history.replaceState(null, "", location.pathname + location.hash)
  listen(
    "api/live",
    {
      hello: (told) => live.become(fromHello(told as Hello, "open")),
      tick(told) {
        const { state, series, marks } = told as Tick
        const before = live.current
        live.become({
          ...before,
          state,
          series: appended(before.series, series),
          marks: merged(before.marks, marks),
          connection: "open",
        })
      },
    },
    () =>
      void isRefused().then((refused) => live.become({ ...live.current, connection: refused ? "refused" : "lost" })),
  )
}

async function isRefused(): Promise<boolean> {
  try {
    return (await fetch("api/items?limit=0")).status === 401
  } catch {
    return false
  }
}

function fromHello(hello: Hello, connection: Connection): Live {
  const { state, series, marks } = hello
  return { hello, state, series: columnsOf(series), marks, connection }
}

function merged(before: readonly Mark[], changes: readonly Mark[]): readonly Mark[] {
  if (changes.length === 0) return before
  const marks = new Map(before.map((mark) => [mark.id, mark]))
  for (const mark of changes) marks.set(mark.id, mark)
  // As many as the server keeps.
  return [...marks.values()].slice(-mostMarks)
}
