import type { JSX } from "preact"
import { useEffect, useState } from "preact/hooks"
import type { Timeline as View } from "../../src/wire.ts"
import { clock, count, duration, isOver, items } from "../format.ts"
import { ask } from "../live/ask.ts"
import { useLive } from "../live/hooks.ts"
import { endOf, StepBar, wordsOf } from "../parts/steps.tsx"

const minuteMs = 60_000
const leastMs = 1_000

/** A sample of the items at work as a waterfall, and what the last minute was spent on. */
export function Timeline(): JSX.Element {
  const { state } = useLive()
  const [spanMs, setSpanMs] = useState(minuteMs)
  // Absent: it follows the run.
  const [heldToMs, setHeldToMs] = useState<number>()
  const endMs = isOver(state) ? state.elapsedMs : state.atMs
  const toMs = heldToMs ?? endMs
  const fromMs = Math.max(0, toMs - spanMs)
  const view = useTimeline(fromMs, toMs)
  const move = (share: number): void => {
    const moved = Math.max(leastMs, toMs + spanMs * share)
    setHeldToMs(moved >= endMs ? undefined : moved)
  }
  const zoom = (factor: number): void => setSpanMs(Math.max(leastMs, spanMs * factor))
  return (
    <>
      <div class="toolbar" role="group" aria-label="Span of time">
        <button type="button" onClick={() => move(-0.5)}>
          Earlier
        </button>
        <button type="button" onClick={() => move(0.5)} disabled={heldToMs === undefined}>
          Later
        </button>
        <button type="button" onClick={() => zoom(0.5)} disabled={spanMs <= leastMs}>
          Zoom in
        </button>
        <button type="button" onClick={() => zoom(2)}>
          Zoom out
        </button>
        <span class="faint">
          {moment(fromMs, spanMs)} to {moment(toMs, spanMs)}
          {view && `, ${count(view.items.length)} of ${count(view.of)} items`}
        </span>
      </div>
      <section class="card" aria-label="Items over time">
        <ul class="legend kinds" aria-label="Colours">
          {kinds.map(([kind, words]) => (
            <li key={kind}>
              <i class={`step ${kind}`} aria-hidden="true" />
              {words}
            </li>
          ))}
        </ul>
        {view && view.items.length > 0 && <Waterfall view={view} />}
        {view?.items.length === 0 && <p class="faint">No item was at work then.</p>}
      </section>
      {view && <LastMinute view={view} />}
    </>
  )
}

const kinds = [
  ["own", "at work"],
  ["wait", "waiting"],
  ["call", "with the vendor"],
  ["bad", "refused or failed"],
  ["backoff", "between attempts"],
] as const
const ticks = [0, 0.25, 0.5, 0.75, 1]

function Waterfall({ view }: { view: View }): JSX.Element {
  const { items: shown, fromMs, toMs } = view
  const isNamed = areMany(shown)
  return (
    <ol class="waterfall">
      <li aria-hidden="true">
        <span />
        <span class="axis">
          {ticks.map((share) => (
            <span key={share} style={{ left: `${share * 100}%` }}>
              {moment(fromMs + (toMs - fromMs) * share, toMs - fromMs)}
            </span>
          ))}
        </span>
      </li>
      {shown.map((trace) => (
        <li key={trace.row}>
          <a href={`#/row/${trace.row}`} title={`${trace.node}[${trace.index}]`}>
            {isNamed && <span>{trace.node.split("/").at(-1)}</span>}
            {trace.index}
          </a>
          <span class="lane">
            <ItemBar trace={trace} view={view} />
            {trace.steps
              .filter((step) => step.fromMs < toMs && (step.toMs ?? endOf(trace)) > fromMs)
              .map((step, at) => (
                <StepBar key={at} step={step} fromMs={fromMs} toMs={toMs} />
              ))}
          </span>
        </li>
      ))}
    </ol>
  )
}

/** Whether several nodes are at work: an index alone says little then. */
function areMany(shown: readonly { readonly node: string }[]): boolean {
  return new Set(shown.map(({ node }) => node)).size > 1
}

/** Of a short span with its tenths. */
function moment(ms: number, spanMs: number): string {
  return spanMs >= 10_000 ? clock(ms) : `${clock(Math.floor(ms / 1_000) * 1_000)}.${Math.floor((ms % 1_000) / 100)}`
}

/** From an item's beginning to its end, below what is known of its time. */
function ItemBar({ trace, view: { fromMs, toMs } }: { trace: View["items"][number]; view: View }): JSX.Element {
  const allMs = Math.max(1, toMs - fromMs)
  const start = Math.max(fromMs, trace.startMs)
  const end = Math.min(toMs, trace.endMs ?? toMs)
  const style = {
    left: `${((start - fromMs) / allMs) * 100}%`,
    width: `${Math.max(0.3, ((end - start) / allMs) * 100)}%`,
  }
  return <i class="step own" style={style} />
}

function LastMinute({ view: { lastMinute, critical, items: seen } }: { view: View }): JSX.Element {
  const shown = critical.slice(-12)
  const isNamed = areMany([...seen, ...shown])
  const allMs = Math.max(
    1,
    lastMinute.parts.reduce((sum, { ms }) => sum + ms, 0),
  )
  return (
    <div class="columns">
      <section class="card" aria-label="What the last minute was spent on">
        <h2>The last minute, {items(lastMinute.items)}</h2>
        {lastMinute.items === 0 && <p class="faint">None was settled in it.</p>}
        <table class="plain">
          <tbody>
            {lastMinute.parts
              .filter(({ ms }) => ms / allMs >= 0.005)
              .map(({ name, ms }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{Math.round((ms / allMs) * 100)} %</td>
                  <td class="number">{duration(ms / Math.max(1, lastMinute.items))} an item</td>
                </tr>
              ))}
          </tbody>
        </table>
      </section>
      <section class="card" aria-label="Critical path">
        <h2>What it hung on</h2>
        <p class="faint">
          {critical.length === 0
            ? "No call ended in the last minute."
            : "The chain that the last minute ended on, newest last: to be faster, something on it has to be."}
        </p>
        <ol class="chain">
          {shown.map((step, at) => (
            <li key={at}>
              <a href={`#/row/${step.row}`}>
                {isNamed && `${step.node.split("/").at(-1)} `}
                {step.index}
              </a>{" "}
              {wordsOf(step)}
              {step.toMs !== undefined && `, ${duration(step.toMs - step.fromMs)}`}
            </li>
          ))}
        </ol>
      </section>
    </div>
  )
}

/** Asked for again whenever the span moves; what was shown stays until the answer is there. */
function useTimeline(fromMs: number, toMs: number): View | undefined {
  const [view, setView] = useState<View>()
  useEffect(() => {
    let isGone = false
    ask<View>(`api/timeline?from=${Math.round(fromMs)}&to=${Math.round(toMs)}`).then(
      (next) => {
        if (!isGone) setView(next)
      },
      // The connection's own notice says so.
      () => undefined,
    )
    return () => {
      isGone = true
    }
  }, [fromMs, toMs])
  return view
}
