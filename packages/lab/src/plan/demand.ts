import type { LimitOptions } from "../limits/limit-model.ts"
import { chargedAhead } from "../vendor/max-tokens-charge.ts"
import type { PlannedCall } from "./plan-options.ts"
import type { RunSetting } from "./run-setting.ts"
import { vendorOfLimits } from "./vendor-of-limits.ts"

const dayMs = 86_400_000

type Weight = (call: PlannedCall) => number
type DemandDimension = "requests" | "tokens" | "inputTokens" | "outputTokens"

/** The rate that the calls fill most, or else the time that they take. */
export interface Scarcest {
  /** What a call takes of it. */
  readonly weightOf: Weight
  /** What of it stands ready at the start: the steady pace begins when that is gone. */
  readonly standing: number
  /** After so much of it the pace repeats itself: windows go in steps; 0 for buckets, which flow. */
  readonly period: number
}

/** What sets the steady pace of these calls: by its measure a part of them leads to the whole. */
export function scarcest(calls: readonly PlannedCall[], setting: RunSetting): Scarcest {
  const { baseMs = 0, perOutputTokenMs = 0 } = setting.latency
  let mostMs = 0
  const timeOf: Weight = ({ outputTokens }) => 1 + baseMs + perOutputTokenMs * outputTokens
  let found: Scarcest = { weightOf: timeOf, standing: 0, period: 0 }
  for (const [dimension, given] of ratesOf(setting)) {
    const { limit, windowMs = 60_000, burst = limit, model } = given
    const weightOf = chargeIn(dimension, setting)
    const filledMs = (totalOf(weightOf, calls) * windowMs) / limit
    if (filledMs <= mostMs) continue
    mostMs = filledMs
    found = { weightOf, standing: burst, period: model === "bucket" || model === undefined ? 0 : limit }
  }
  return found
}

/** For each rate the call that asks most of it: whether every call fits at all shows in these. */
export function largest(calls: readonly PlannedCall[], setting: RunSetting): PlannedCall[] {
  return ratesOf(setting).map(([dimension]) => {
    const charge = chargeIn(dimension, setting)
    return calls.reduce((most, call) => (charge(call) > charge(most) ? call : most))
  })
}

/** The time of a run that would take `timeMs` if days had no totals: each day its share, and what is left on the last. */
export function spreadOverDays(calls: readonly PlannedCall[], timeMs: number, setting: RunSetting): number {
  const { requestsPerDay = Infinity, tokensPerDay = Infinity } = vendorOfLimits(setting.limits, 0)
  const requests = calls.length / requestsPerDay
  const tokens = totalOf(chargeIn("tokens", setting), calls) / tokensPerDay
  const shares = Math.max(1, requests, tokens)
  const fullDays = Math.ceil(shares) - 1
  return Math.max(timeMs, fullDays * dayMs + timeMs * (1 - fullDays / shares))
}

export function totalOf(weightOf: Weight, calls: readonly PlannedCall[]): number {
  return calls.reduce((sum, call) => sum + weightOf(call), 0)
}

function ratesOf({ limits }: RunSetting): [DemandDimension, LimitOptions][] {
  const { requestsPerDay: _requests, tokensPerDay: _tokens, ...rates } = vendorOfLimits(limits, 0)
  return Object.entries(rates) as [DemandDimension, LimitOptions][]
}

function chargeIn(dimension: DemandDimension, { chargesMaxTokens }: RunSetting): Weight {
  const outputOf: Weight = (call) => (chargesMaxTokens ? chargedAhead(chargesMaxTokens, call) : call.outputTokens)
  if (dimension === "requests") return () => 1
  if (dimension === "inputTokens") return ({ inputTokens }) => inputTokens
  return dimension === "outputTokens" ? outputOf : (call) => call.inputTokens + outputOf(call)
}
