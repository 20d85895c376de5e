import type { JSX } from "preact"
import { useState } from "preact/hooks"
import { short } from "../../page/client/format.ts"
import { Chart } from "../../page/client/parts/chart.tsx"
import { Spans } from "../../page/client/parts/spans.tsx"
import type { HistoryColumns } from "./history.ts"

const limitColors = ["--accent", "--limit", "--wait-1", "--wait-4", "--wait-5"]

/** Calls in each second, and how the vendor stood while this page was open. */
export function Charts({ columns }: { columns: HistoryColumns }): JSX.Element {
  const { atMs, starts, refusals, inFlight, left } = columns
  const [spanMs, setSpan] = useState<number>(300_000)
  if (atMs.length < 2) return <p class="faint">The charts begin with the second second.</p>
  const shared = { atMs, marks: [], fromMs: Math.max(0, atMs.at(-1)! - spanMs) }
  const limits = [...left].slice(0, limitColors.length)
  const now = (values: readonly (number | null)[]): string => short(values.findLast((each) => each !== null) ?? 0)
  return (
    <section aria-label="Over time">
      <Spans spanMs={spanMs} onChoose={setSpan} />
      <div class="charts seen">
        <Chart
          {...shared}
          title="Calls a second"
          says={`Calls a second: ${now(starts)} started, ${now(refusals)} refused`}
          lines={[
            { label: "started", color: "--ok", values: starts, isFilled: true },
            { label: "refused", color: "--bad", values: refusals, isFilled: true },
          ]}
        />
        <Chart
          {...shared}
          title="In flight, since this page was opened"
          says={`Calls in flight: ${now(inFlight)} now`}
          lines={[{ label: "in flight", color: "--accent", values: inFlight, isFilled: true }]}
        />
        {limits.length > 0 && (
          <Chart
            {...shared}
            title="Left of each limit in percent, since this page was opened"
            says={`Left: ${limits.map(([name, values]) => `${name} ${now(values)} %`).join(", ")}`}
            lines={limits.map(([name, values], at) => ({ label: name, color: limitColors[at]!, values }))}
          />
        )}
      </div>
    </section>
  )
}
