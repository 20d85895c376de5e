import type { PlanOptions } from "@sluice/lab"
import type { QuotaLimits } from "@sluice/scheduler"

/** What is known of a vendor before the first call. */
export interface PlannedVendor extends Pick<PlanOptions, "chargesMaxTokens" | "batch" | "latency" | "networkMs"> {
  /** Its limit on tokens counts the input alone. */
  readonly countsInputOnly?: boolean
}

const atOnce = { baseMs: 0, perOutputTokenMs: 0 } as const

// What each charges is what its profile in @sluice/providers estimates; a test holds the two together.
const known: Readonly<Record<string, PlannedVendor>> = {
  openai: { chargesMaxTokens: "larger", batch: { maxRequests: 50_000 } },
  anthropic: { batch: { maxRequests: 100_000 } },
  google: { countsInputOnly: true, batch: {} },
  lab: { latency: atOnce, networkMs: 1 },
  noop: { latency: atOnce, networkMs: 0 },
}

/** Of the vendor in `--model VENDOR:NAME`. Without `batch` it has no batch API that we know. */
export function plannedVendor(vendor: string): PlannedVendor {
  return known[vendor] ?? {}
}

/** The same limits where a token is one of input. */
export function asInput(limits: QuotaLimits): QuotaLimits {
  if (limits.tokensPerMinute === undefined) return limits
  const { tokensPerMinute, ...rest } = limits
  return { inputTokensPerMinute: tokensPerMinute, ...rest }
}
