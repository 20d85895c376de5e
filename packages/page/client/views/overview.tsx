import type { JSX } from "preact"
import { useState } from "preact/hooks"
import { limitWords } from "../../src/chart/mark-words.ts"
import type { PageState } from "../../src/wire.ts"
import { about, clock, count, dollars, duration, isOver, quotaWords, range, short } from "../format.ts"
import { inLastMinute } from "../live/columns.ts"
import type { Live } from "../live/connection.ts"
import { useLive } from "../live/hooks.ts"
import { BarTable } from "../parts/bar-table.tsx"
import { Reasons } from "../parts/reasons.tsx"
import { Chart, markColors } from "../parts/chart.tsx"
import { Figure } from "../parts/figure.tsx"
import { MarkLegend } from "../parts/mark-legend.tsx"
import { Progress } from "../parts/progress.tsx"
import { Spans } from "../parts/spans.tsx"

const waitColors = ["--wait-1", "--wait-2", "--wait-3", "--wait-4", "--wait-5"]
const marksShown = 30

export function Overview(): JSX.Element {
  const live = useLive()
  const { state, marks } = live
  return (
    <>
      <Progress state={state} />
      <Figures state={state} isWatched={!live.hello.fromJournal} />
      {state.loading && <p class="faint">Items are being read from the journal…</p>}
      <Charts live={live} />
      <div class="columns">
        {live.hello.fromJournal ? <FromJournal state={state} /> : <Waiting state={state} />}
        <section aria-label="What happened">
          <h2>What happened</h2>
          {marks.length === 0 && (
            <p class="faint">
              {live.hello.fromJournal
                ? "Nobody took a hand in this run."
                : `Nothing${isOver(state) ? "" : " yet"}: no refusal, no limit that was learned, no hand on the run.`}
            </p>
          )}
          <ol class="marks">
            {marks
              .slice(-marksShown)
              .toReversed()
              .map(({ id, atMs, kind, text, count: times }) => (
                <li key={id}>
                  <time>{clock(atMs)}</time>
                  <span class="tick" style={{ background: `var(${markColors[kind]})` }} aria-hidden="true" />
                  <span>
                    {text}
                    {times > 1 && <b class="times"> {times} times</b>}
                  </span>
                </li>
              ))}
          </ol>
        </section>
      </div>
    </>
  )
}

/** What a page of a run knows that it does not watch. */
function FromJournal({ state }: { state: PageState }): JSX.Element {
  return (
    <section aria-label="Where this comes from">
      <h2>Read from the journal</h2>
      <p class="faint">
        {state.status === "running"
          ? "Another process runs this. Its items appear here as they are settled; what is in flight, and why calls wait, is on that process's own page (--ui)."
          : "This run is over. What was in flight, and why calls waited, is known while a run is watched (--ui)."}
      </p>
    </section>
  )
}

function Figures({ state, isWatched }: { state: PageState; isWatched: boolean }): JSX.Element {
  const { items, total, perMinute: rate, eta, calls, tokens, usd, budget, waiting } = state
  const settled = items.ok + items.failed
  const isPast = isOver(state)
  const waits = waiting.reduce((sum, each) => sum + each.calls, 0)
  const earlier = items.replayed > 0 ? `${count(items.replayed)} from before` : undefined
  return (
    <dl class="figures">
      <Figure
        name="Done"
        value={count(settled)}
        more={[total !== undefined && `of ${count(total)}`, earlier].filter(Boolean).join(", ")}
      />
      <Figure
        name="Failed"
        value={count(items.failed)}
        more={items.failed > 0 ? "look at them" : undefined}
        href="#/items/failed"
        class={items.failed > 0 ? "bad" : ""}
      />
      {isWatched && (
        <>
          <Figure
            name="In flight"
            value={count(calls.inFlight)}
            more={`${count(items.inFlight)} item${items.inFlight === 1 ? "" : "s"} begun`}
          />
          <Figure
            name="Waiting"
            value={count(waits)}
            more={waits > 0 ? `${waiting.length > 1 ? "most " : ""}for ${waiting[0]!.reason}` : "nothing waits"}
          />
        </>
      )}
      <Figure
        name={isPast ? "Mean rate" : "Rate"}
        value={`${short(isPast ? meanRate(state) : rate)}/min`}
        more={`${count(calls.sent)} calls sent`}
      />
      {isPast ? (
        <Figure name="Took" value={duration(state.elapsedMs)} />
      ) : (
        <Figure name="Time left" value={eta ? about(eta.ms) : "–"} more={eta && range(eta.lowMs, eta.highMs)} />
      )}
      <Figure
        name="Tokens"
        value={short(tokens.input + tokens.output)}
        more={
          tokens.expected !== undefined && state.eta
            ? `about ${short(tokens.expected)} in all`
            : `${short(tokens.output)} of them answers`
        }
      />
      {usd && (
        <Figure
          name="Spent"
          value={dollars(usd.spent)}
          more={usd.expected !== undefined && state.eta ? `about ${dollars(usd.expected)} in all` : undefined}
        />
      )}
      {budget && <Figure name="Budget left" value={dollars(budget.left)} more={`of ${dollars(budget.limit)}`} />}
    </dl>
  )
}

/** Items a minute of a run that is over; those from an earlier run took none of its time. */
function meanRate({ items: { ok, failed, replayed }, elapsedMs }: PageState): number {
  return elapsedMs > 0 ? (Math.max(0, ok + failed - replayed) * 60_000) / elapsedMs : 0
}

function Charts({ live }: { live: Live }): JSX.Element | null {
  const { series, state, marks, hello } = live
  const [span, setSpan] = useState<number>(Infinity)
  if (series.atMs.length < 2)
    return (
      <p class="faint">
        {isOver(state) ? "It was over before there was anything to draw." : "The charts begin in a second or two."}
      </p>
    )
  const lastMs = series.atMs.at(-1)!
  const fromMs = Math.max(0, lastMs - span)
  const requests = inLastMinute(series.requests, series.spanMs)
  const tokens = inLastMinute(series.tokens, series.spanMs)
  const shared = { atMs: series.atMs, marks, fromMs }
  const now = (values: readonly (number | null)[]): string => short(values.findLast((each) => each !== null) ?? 0)
  const limited = (limit: readonly (number | null)[]): boolean => limit.some((each) => each !== null)
  const reasons = [...series.waiting].toSorted(([, a], [, b]) => total(b) - total(a))
  const shown = reasons.slice(0, waitColors.length - 1)
  const others = reasons.slice(waitColors.length - 1)
  if (others.length > 0)
    shown.push([
      "others",
      others.reduce(
        (sum, [, calls]) => sum.map((each, at) => each + calls[at]!),
        series.atMs.map(() => 0),
      ),
    ])
  const what = hello.fromJournal ? "Items" : "Requests"
  return (
    <section aria-label="Over time">
      <div class="overcharts">
        <MarkLegend marks={marks} />
        <Spans spanMs={span} onChoose={setSpan} />
      </div>
      <div class="charts">
        <Chart
          {...shared}
          title={`${what} a minute`}
          says={`${what} a minute: ${now(requests)} now${limited(series.requestLimit) ? `, the limit is believed to be ${now(series.requestLimit)}` : ""}`}
          lines={[
            { label: "in the last minute", color: "--accent", values: requests, isFilled: true },
            ...(limited(series.requestLimit)
              ? [{ label: "limit as believed", color: "--limit", values: series.requestLimit, isDashed: true }]
              : []),
          ]}
        />
        <Chart
          {...shared}
          title="Tokens a minute"
          says={`Tokens a minute: ${now(tokens)} now${limited(series.tokenLimit) ? `, the limit is believed to be ${now(series.tokenLimit)}` : ""}`}
          lines={[
            { label: "in the last minute", color: "--accent", values: tokens, isFilled: true },
            ...(limited(series.tokenLimit)
              ? [{ label: "limit as believed", color: "--limit", values: series.tokenLimit, isDashed: true }]
              : []),
          ]}
        />
        <Chart
          {...shared}
          title="Calls in flight"
          says={`Calls in flight: ${now(series.inFlight)} now`}
          lines={[{ label: "with the vendor", color: "--ok", values: series.inFlight, isFilled: true }]}
        />
        {!hello.fromJournal && (
          <Chart
            {...shared}
            title="Calls waiting, by what for"
            says={`Calls waiting: ${state.waiting.map(({ reason, calls }) => `${calls} for ${reason}`).join(", ") || "none"}`}
            isStacked
            lines={
              shown.length > 0
                ? shown.map(([reason, values], at) => ({ label: reason, color: waitColors[at]!, values }))
                : [{ label: "nothing waits", color: "--wait-1", values: series.atMs.map(() => 0) }]
            }
          />
        )}
      </div>
    </section>
  )
}

function total(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0)
}

function Waiting({ state }: { state: PageState }): JSX.Element {
  const { waiting, quotas, trouble, status } = state
  return (
    <section aria-label="Why calls wait">
      <h2>Why calls wait</h2>
      {status === "paused" && <p class="notice">Paused: no call is sent until somebody resumes.</p>}
      {waiting.length === 0 && status !== "paused" && <p class="faint">No call waits for admission.</p>}
      <Reasons calls={waiting} />
      {trouble !== undefined && <p class="faint">The last call ended with {trouble}.</p>}
      {quotas.map((quota) => (
        <div class="quota" key={quota.name}>
          <h3 title={quota.name}>{quotaWords(quota.name, quotas)}</h3>
          {quota.gate !== "open" && (
            <p class="faint">
              {quota.gate === "closed" ? "The gate is closed: all wait." : "After a refusal: few at first, then more."}
            </p>
          )}
          <BarTable
            heads={["Limit", "Free now", "As believed"]}
            hint="what could be taken now"
            rows={quota.limits.map(({ name, limit, level }) => ({
              name: limitWords(name),
              share: level / limit,
              text:
                name === "budgetUsd"
                  ? `${dollars(Math.max(0, level))} of ${dollars(limit)} left`
                  : `${short(Math.max(0, Math.floor(level)))} of ${short(limit)} free`,
            }))}
          />
          {quota.limits.length === 0 && <p class="faint">No limit is known yet.</p>}
        </div>
      ))}
    </section>
  )
}
