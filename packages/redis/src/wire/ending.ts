import type { Cost, Settlement } from "@sluice/core"
import { quotaDefaults, type QuotaOptions } from "@sluice/scheduler"
import { amountsOf } from "./amounts.ts"
import type { Amounts } from "./turn.ts"

/** For a refusal that names no delay: the learner may lengthen it. */
const leastGateMs = 250
const rampGateMs = 1_000
const dayMs = 86_400_000

/** What the end of a call means for everybody. */
export interface WireEnding {
  /** It was a call to the vendor. */
  readonly sends: boolean
  /** What it is charged. */
  readonly used: Amounts
  /** The gate closes for so long. */
  readonly gateMs: number | undefined
  /** The vendor answered, and did not refuse for want of quota. */
  readonly isAnswer: boolean
  /** Waiting does not help anybody. */
  readonly fatal: { readonly why: "billing" | "daily" | "never"; readonly resetMs?: number } | undefined
}

export function endingOf(
  cost: Cost,
  end: Settlement,
  { chargeRefused = quotaDefaults.chargeRefused, onExhausted = quotaDefaults.onExhausted }: QuotaOptions,
): WireEnding {
  const sends = (cost.requests ?? 1) > 0
  const used = amountsOf(end.actual ?? (end.outcome === "throttled" && sends ? charged(cost, chargeRefused) : cost))
  const nothing = { sends, used, gateMs: undefined, isAnswer: false, fatal: undefined }
  if (!sends || end.outcome === "ignored") return nothing
  if (end.outcome === "success") return { ...nothing, isAnswer: true }
  if (end.outcome === "failed") return { ...nothing, isAnswer: true, gateMs: end.retryAfterMs }
  const { reason, retryAfterMs, limits } = end
  if (reason === "billing") return { ...nothing, fatal: { why: "billing" } }
  if (limits?.some(({ limit }) => limit === 0)) return { ...nothing, fatal: { why: "never" } }
  if (reason === "daily") {
    const reset = limits?.find(({ windowMs = 0 }) => windowMs >= dayMs)?.resetMs
    const waitMs = retryAfterMs ?? reset ?? 60_000
    return onExhausted === "pause"
      ? { ...nothing, gateMs: waitMs }
      : { ...nothing, fatal: { why: "daily", resetMs: waitMs } }
  }
  if (reason === "overloaded") return { ...nothing, isAnswer: true, gateMs: retryAfterMs }
  if (reason === "places") return { ...nothing, gateMs: retryAfterMs }
  return { ...nothing, gateMs: retryAfterMs ?? (reason === "ramp" ? rampGateMs : leastGateMs) }
}

function charged(cost: Cost, charge: "requests" | "all" | "none"): Cost {
  if (charge === "all") return cost
  return { requests: charge === "none" ? 0 : (cost.requests ?? 1) }
}
