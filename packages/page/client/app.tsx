import type { JSX } from "preact"
import { about, clock } from "./format.ts"
import { useHash, useLive } from "./live/hooks.ts"
import { Controls } from "./parts/controls.tsx"
import { Flow } from "./views/flow.tsx"
import { Item } from "./views/item.tsx"
import { Items } from "./views/items.tsx"
import { Overview } from "./views/overview.tsx"
import { Shared } from "./views/shared.tsx"
import { Timeline } from "./views/timeline.tsx"

const statusWords = {
  running: "running",
  paused: "paused",
  draining: "finishing what is in flight",
  ok: "done",
  failed: "ended with failures",
  cancelled: "stopped",
  interrupted: "interrupted",
} as const

export function App(): JSX.Element {
  const { state, hello, connection } = useLive()
  const hash = useHash()
  const [, view = "", rest = ""] = /^#\/?([^/?]*)\/?(.*)$/.exec(hash) ?? []
  const views = [
    { name: "", title: "Overview" },
    { name: "items", title: "Items" },
    ...(hello.flow === undefined ? [] : [{ name: "flow", title: "Flow" }]),
    ...(hello.isShared ? [{ name: "shared", title: "Shared" }] : []),
    ...(hello.fromJournal ? [] : [{ name: "timeline", title: "Timeline" }]),
  ]
  const shown = view === "row" ? "items" : view
  return (
    <>
      <header>
        <div class="title">
          <h1 title={state.title}>{state.title}</h1>
          <p class="status" role="status">
            <span class={`dot ${state.status}`} aria-hidden="true" />
            {statusWords[state.status]} · {clock(state.elapsedMs)}
            {state.eta && ` · about ${about(state.eta.ms)} left`}
          </p>
        </div>
        <Controls />
        <nav aria-label="Views">
          {views.map(({ name, title }) => (
            <a key={name} href={`#/${name}`} aria-current={shown === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      {connection === "lost" && !isFirst() && (
        <p class="notice" role="alert">
          The run's process does not answer: it has ended, or is held up. This is what it told last. Where it was held
          up, the page goes on by itself.
        </p>
      )}
      {connection === "refused" && (
        <p class="notice" role="alert">
          Another process answers here, with a token of its own: open the address that it printed.
        </p>
      )}
      <main>
        {view === "items" ? (
          <Items />
        ) : view === "row" ? (
          <Item row={Number(rest)} />
        ) : view === "flow" ? (
          <Flow />
        ) : view === "shared" ? (
          <Shared />
        ) : view === "timeline" ? (
          <Timeline />
        ) : (
          <Overview />
        )}
      </main>
    </>
  )
}

const opened = performance.now()

/** While the page connects for the first time nothing is lost. */
function isFirst(): boolean {
  return performance.now() - opened < 1_500
}
