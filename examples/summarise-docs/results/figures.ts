import { formatCount, formatDuration } from "@sluice/cli"
import type { VendorTruth } from "@sluice/lab"
import type { DocumentResult } from "./document-result.ts"
import type { RunTotals } from "./run-totals.ts"

/** What a run came to: label and value, in order. */
export type Figures = readonly (readonly [label: string, value: string])[]

export interface RunFacts {
  readonly results: readonly DocumentResult[]
  readonly totals: RunTotals
  readonly elapsedMs: number
  /** Shares of the quota, in words. */
  readonly use: string | undefined
  /** The vendor's own count, where there is one: it has the last word. */
  readonly truth: VendorTruth | undefined
}

export function figuresOf({ results, totals, elapsedMs, use, truth }: RunFacts): Figures {
  const count = (status: DocumentResult["status"]): number =>
    results.filter((result) => result.status === status).length
  const documents = `${count("ok")} summarised, ${count("skipped")} skipped, ${count("failed")} failed, ${count("stopped")} not reached`
  return [
    ["documents", documents],
    ["calls", `${totals.calls}, in ${totals.attempts} attempts`],
    [
      "refused (429, 529)",
      truth ? `${truth.refused} by the vendor's own count of ${truth.arrived} calls` : String(totals.refused),
    ],
    ["tokens", `${formatCount(totals.inputTokens)} in, ${formatCount(totals.outputTokens)} out`],
    ["time", formatDuration(elapsedMs)],
    ...(use === undefined ? [] : [["quota used while calls waited", use] as const]),
    ["peak memory", `${Math.round(process.resourceUsage().maxRSS / 1024)} MB`],
  ]
}
