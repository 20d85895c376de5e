import { SluiceError } from "@sluice/core"
import { createQuota, type QuotaLimits } from "@sluice/scheduler"
import {
  amount,
  anything,
  between,
  checkArgument,
  checkOptions,
  concurrency,
  count,
  fields,
  iterable,
  needed,
  number,
  positive,
  recordOf,
  type Shape,
} from "@sluice/core/internal"
import type { MaxTokensCharge } from "../vendor/max-tokens-charge.ts"
import type { LatencyOptions } from "../vendor/latency.ts"
import { chargeMaxTokens, latencyChecks } from "../vendor/vendor-checks.ts"

/** One call as it is expected to be. */
export interface PlannedCall {
  readonly inputTokens: number
  readonly outputTokens: number
  /** As it will be sent; matters where the vendor charges it at arrival. */
  readonly maxTokens?: number
}

export interface PlanPrices {
  readonly inputUsdPerMillion: number
  readonly outputUsdPerMillion: number
  /** Taken off by the vendor's batch API, 0–1. Default 0.5. */
  readonly batchDiscount?: number
}

export interface PlanOptions {
  /** Every call, or how many of which size. */
  readonly calls: Iterable<PlannedCall> | (PlannedCall & { readonly count: number })
  /** As for `createQuota`; a budget bounds no time and is left out. A bare number counts as a bucket that stands ready full. */
  readonly limits: QuotaLimits
  /** For the reader of the plan. */
  readonly model?: string
  readonly prices?: PlanPrices
  /** Whether the vendor charges `maxTokens` at arrival and keeps it. Default false. */
  readonly chargesMaxTokens?: MaxTokensCharge
  /** Of the model. Default: 600 ms and 15 ms per output token. */
  readonly latency?: LatencyOptions
  /** One way. Default 20. */
  readonly networkMs?: number
  /** As the run will have it. Default `"auto"`. */
  readonly concurrency?: number | "auto"
  /** Of the vendor's batch API. Defaults: 50,000 requests a job, no limit on enqueued tokens, 1 h as a rule, 24 h at most. */
  readonly batch?: {
    readonly maxRequests?: number
    readonly maxEnqueuedTokens?: number
    readonly typicalMs?: number
    readonly atMostMs?: number
  }
  /** Of more calls than this every n-th is simulated; the rest is taken to go at their steady pace. Default 12,000. */
  readonly simulateAtMost?: number
  readonly seed?: number
}

export const planDefaults: {
  readonly latency: Required<Pick<LatencyOptions, "baseMs" | "perOutputTokenMs">>
  readonly networkMs: number
  readonly batchDiscount: number
  readonly batch: { readonly maxRequests: number; readonly typicalMs: number; readonly atMostMs: number }
  readonly simulateAtMost: number
} = Object.freeze({
  /** A middling hosted model in 2026; measure yours. */
  latency: Object.freeze({ baseMs: 600, perOutputTokenMs: 15 }),
  networkMs: 20,
  /** OpenAI, Anthropic and Gemini alike (read 2026-11). */
  batchDiscount: 0.5,
  /** OpenAI's job size; "most < 1 h" is Anthropic's word, 24 h everybody's promise (read 2026-11). */
  batch: Object.freeze({ maxRequests: 50_000, typicalMs: 3_600_000, atMostMs: 86_400_000 }),
  /** About a second of computing for all alternatives together, and within 3 % or so of simulating every call. */
  simulateAtMost: 12_000,
})

const call: Shape<PlannedCall> = { inputTokens: needed(amount), outputTokens: needed(amount), maxTokens: positive }
const eachCall = fields(call)
const oneSize = fields<PlannedCall & { count: number }>({ ...call, count: needed(count()) })
const batchChecks: Shape<NonNullable<PlanOptions["batch"]>> = {
  maxRequests: count(),
  maxEnqueuedTokens: positive,
  typicalMs: amount,
  atMostMs: amount,
}

const checks: Shape<PlanOptions> = {
  calls: needed((value) => iterable(value) && oneSize(value)),
  limits: needed(recordOf(anything)),
  model: anything,
  prices: fields<PlanPrices>({
    inputUsdPerMillion: needed(amount),
    outputUsdPerMillion: needed(amount),
    batchDiscount: between(0, 1),
  }),
  chargesMaxTokens: chargeMaxTokens,
  latency: fields(latencyChecks),
  networkMs: amount,
  concurrency,
  batch: fields(batchChecks),
  simulateAtMost: count(100),
  seed: number,
}

/** The calls, checked. @throws SluiceError `invalid-option` naming the path. */
export function readPlannedCalls(options: PlanOptions): PlannedCall[] {
  checkOptions("plan", options, checks)
  // Says what is wrong with them.
  createQuota(options.limits)
  const { calls } = options
  if (!("count" in calls)) {
    const list = [...calls]
    for (const [index, one] of list.entries()) if (eachCall(one)) checkArgument("plan", `calls.${index}`, one, eachCall)
    if (list.length === 0) throw new SluiceError("invalid-option", "plan: calls must hold at least one call, got none.")
    return list
  }
  const { count, ...each } = calls
  return Array.from({ length: count }, () => each)
}
