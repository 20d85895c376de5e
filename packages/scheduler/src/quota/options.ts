import { type Clock, type EventSink, type Random, SluiceError } from "@sluice/core"
import {
  be,
  between,
  callable,
  type Check,
  checkOptions,
  clock,
  fields,
  milliseconds,
  needed,
  objectOr,
  oneOf,
  positive,
  random,
  recordOf,
  type Shape,
  show,
  text,
} from "@sluice/core/internal"
import type { Adaptive } from "../limits/adaptive-concurrency.ts"
import type { Dimension } from "../limits/budget.ts"
import type { RateKind } from "../limits/rate/rate-limit-options.ts"

/** A rate with what is known of how the vendor counts. A plain number says only the limit. */
export interface RateOptions {
  readonly limit: number
  /**
   * `"bucket"`: refilled continuously (Anthropic, OpenAI) · `"sliding"`: never more than `limit` in any window ·
   * `"fixed"`: counted between two resets. Left out: taken for a bucket whose depth is to be found, until an answer contradicts.
   */
  readonly kind?: RateKind
  /** Depth of a bucket. With `kind: "bucket"` the default is the whole limit. */
  readonly burst?: number
  /** Length of the window, when it is not what the option's name says. */
  readonly windowMs?: number
  /** Epoch milliseconds of a reset, for `kind: "fixed"`. */
  readonly resetAt?: number
}

/** The rates a quota may have, as the vendors write them. */
export type RateName =
  | "requestsPerSecond"
  | "requestsPerMinute"
  | "requestsPerDay"
  | "tokensPerSecond"
  | "tokensPerMinute"
  | "tokensPerDay"
  | "inputTokensPerSecond"
  | "inputTokensPerMinute"
  | "outputTokensPerSecond"
  | "outputTokensPerMinute"

/** The limits of one vendor account and model. Whatever is left out is learned from the vendor's answers. */
export interface QuotaLimits extends Readonly<Partial<Record<RateName, number | RateOptions>>> {
  /** Calls in flight: a number, or `adaptive()`. With no limit at all it is adaptive. */
  readonly concurrency?: number | Adaptive
  /** US dollars in all. */
  readonly budgetUsd?: number
}

export interface QuotaOptions extends QuotaLimits {
  /** Names the quota in events and errors. */
  readonly name?: string
  /** Calls that may wait; one more is rejected with `queue-full`. Default 100,000. */
  readonly maxQueue?: number
  /** A day's total gone: `"fail"` (default) ends the queue with one error, `"pause"` waits for the reset. */
  readonly onExhausted?: "fail" | "pause"
  /** Whether the vendor charges a call it refused. Default `"requests"`: the request counts, its tokens do not. */
  readonly chargeRefused?: "requests" | "all" | "none"
  /** How much later than another a call may reach the vendor than it left. Default 50 ms. */
  readonly jitterMs?: number
  /** Shares of keys under contention; a key not named weighs 1. */
  readonly weights?: Readonly<Record<string, number>>
  readonly clock?: Clock
  readonly random?: Random
  readonly onEvent?: EventSink
}

export const quotaDefaults: Readonly<{
  name: string
  maxQueue: number
  onExhausted: "fail" | "pause"
  chargeRefused: "requests" | "all" | "none"
  jitterMs: number
}> = Object.freeze({
  name: "quota",
  /** About 35 MB of waiters: more than a batch ever queues by itself, and a bound on a runaway loop. */
  maxQueue: 100_000,
  /** A paused run that sleeps until tomorrow surprises more people than an error that says when to come back. */
  onExhausted: "fail",
  /** OpenAI: "unsuccessful requests contribute to your per-minute limit" (read 2026-11). */
  chargeRefused: "requests",
  /** Wi-Fi and proxies reorder calls by tens of milliseconds; it costs a bucket only this much of its depth. */
  jitterMs: 50,
})

/** Every rate's dimension and window. */
export const rates: Readonly<Record<RateName, { readonly dimension: Dimension; readonly windowMs: number }>> =
  Object.freeze({
    requestsPerSecond: { dimension: "requests", windowMs: 1_000 },
    requestsPerMinute: { dimension: "requests", windowMs: 60_000 },
    requestsPerDay: { dimension: "requests", windowMs: 86_400_000 },
    tokensPerSecond: { dimension: "tokens", windowMs: 1_000 },
    tokensPerMinute: { dimension: "tokens", windowMs: 60_000 },
    tokensPerDay: { dimension: "tokens", windowMs: 86_400_000 },
    inputTokensPerSecond: { dimension: "inputTokens", windowMs: 1_000 },
    inputTokensPerMinute: { dimension: "inputTokens", windowMs: 60_000 },
    outputTokensPerSecond: { dimension: "outputTokens", windowMs: 1_000 },
    outputTokensPerMinute: { dimension: "outputTokens", windowMs: 60_000 },
  })

/** The window that a told rate counts. */
export function windowOf(name: RateName, rate: number | RateOptions): number {
  return (typeof rate === "object" ? rate.windowMs : undefined) ?? rates[name].windowMs
}

/** As options name them. */
export const rateNames: readonly RateName[] = Object.freeze(Object.keys(rates) as RateName[])

const rateOf = (limit: Check): Check =>
  objectOr(
    fields<RateOptions>({
      limit: needed(limit),
      kind: oneOf("bucket", "sliding", "fixed"),
      burst: positive,
      windowMs: positive,
      resetAt: positive,
    }),
    limit,
  )
/** A call is one request: a limit below that would admit none. */
const requests: Check = (value) => positive(value) ?? oneCall(value)
const oneCall = be(
  "at least 1: one call in two minutes is { limit: 1, windowMs: 120_000 }",
  (value) => (value as number) >= 1,
)
const places: Check = be("a whole number of at least 1", (value) => Number.isInteger(value) && (value as number) >= 1)
const adaptive: Shape<Adaptive> = {
  kind: needed(oneOf("adaptive")),
  min: places,
  max: places,
  initial: places,
}
const limitChecks: Shape<QuotaLimits> = {
  ...(Object.fromEntries(
    rateNames.map((name) => [name, rateOf(rates[name].dimension === "requests" ? requests : positive)]),
  ) as Record<RateName, Check>),
  concurrency: objectOr(fields(adaptive), places),
  budgetUsd: positive,
}
const quotaChecks: Shape<QuotaOptions> = {
  ...limitChecks,
  name: text,
  maxQueue: between(0, Infinity),
  onExhausted: oneOf("fail", "pause"),
  chargeRefused: oneOf("requests", "all", "none"),
  jitterMs: milliseconds,
  weights: recordOf(positive),
  clock,
  random,
  onEvent: callable,
}

/** Checks options once; the error names path, wanted and got. */
export function checkQuotaOptions(where: string, options: QuotaOptions): void {
  checkOptions(where, options, quotaChecks)
  checkToldOnce(where, options)
}

/** Checks what a running quota is told, beside what it was told before. */
export function checkRetune(limits: QuotaLimits, told: QuotaLimits): void {
  checkOptions("quota.retune", limits, limitChecks)
  checkToldOnce("quota.retune", mergeTold(told, limits))
  for (const name of rateNames) {
    const [from, to] = [told[name], limits[name]]
    if (from === undefined || typeof to !== "object") continue
    for (const part of ["kind", "burst", "windowMs", "resetAt"] as const) {
      const was = typeof from === "object" ? from[part] : undefined
      if (to[part] === undefined || to[part] === was) continue
      const got = show(to[part])
      const message = `quota.retune: ${name}.${part} must stay ${show(was)}, got ${got}. Only the limit of a rate can change; make a new quota.`
      throw new SluiceError("invalid-option", message, { details: { path: `${name}.${part}`, got: to[part] } })
    }
  }
}

/** What is told once `limits` are new: a rate keeps its kind, burst and window. */
export function mergeTold(told: QuotaLimits, limits: QuotaLimits): QuotaLimits {
  const merged: Record<string, unknown> = { ...told, ...limits }
  for (const name of rateNames) {
    const [from, to] = [told[name], limits[name]]
    if (typeof from !== "object" || to === undefined) continue
    merged[name] = { ...from, ...(typeof to === "number" ? { limit: to } : to) }
  }
  return merged
}

/** A limit is named by what it counts and over how long: two names for one would each hear half. */
function checkToldOnce(where: string, limits: QuotaLimits): void {
  const seen = new Map<string, RateName>()
  for (const name of rateNames) {
    const rate = limits[name]
    if (rate === undefined) continue
    const windowMs = windowOf(name, rate)
    const identity = `${rates[name].dimension} per ${windowMs / 1_000} s`
    const other = seen.get(identity)
    seen.set(identity, name)
    if (!other) continue
    const message = `${where}: ${other} and ${name} are one limit, ${identity}. Keep one of them.`
    throw new SluiceError("invalid-option", message, { details: { path: name, got: rate } })
  }
}
