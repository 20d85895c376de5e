import type { Dimension } from "../limits/budget.ts"
import * as tuned from "../limits/tuned.ts"
import type { LimitFacts, RefusalFacts } from "./refusal-facts.ts"

/** What a refusal means. */
export type Diagnosis =
  | { readonly cause: "account"; readonly why: "billing" | "never" }
  | { readonly cause: "day"; readonly waitMs: number }
  | { readonly cause: "growth" }
  | { readonly cause: "same-event" }
  | { readonly cause: "luck" }
  | { readonly cause: "places"; readonly crowd: "crowded" | "burst" }
  | { readonly cause: "window"; readonly limit: number; readonly kind: "sliding" | "fixed" }
  | { readonly cause: "bucket"; readonly limit: number; readonly depth: number }
  | { readonly cause: "doubt"; readonly limit: number }
  | { readonly cause: "depth"; readonly limit: number; readonly depth: number; readonly low?: number }
  | { readonly cause: "early"; readonly limit: number; readonly byMs: number }
  | { readonly cause: "rate"; readonly limit: number; readonly perMs: number }
  | { readonly cause: "level"; readonly limit: number }
  | { readonly cause: "unknown-rate"; readonly dimension: Dimension; readonly perMs: number }
  | {
      readonly cause: "unknown-window"
      readonly dimension: Dimension
      readonly admitted: number
      /** It was filled so long ago. */
      readonly agoMs: number
      readonly isFixed: boolean
    }
  | { readonly cause: "unknown" }

/** Pure. Each branch names the inequality depth + rate × t < admitted + cost that it blames. */
export function diagnose(facts: RefusalFacts): Diagnosis {
  const { reason, retryAfterMs, isNew, limits } = facts
  if (reason === "billing") return { cause: "account", why: "billing" }
  if (facts.isNever) return { cause: "account", why: "never" }
  if (reason === "daily") return { cause: "day", waitMs: retryAfterMs ?? facts.dayResetMs ?? 60_000 }
  if (reason === "ramp") return { cause: isNew ? "growth" : "same-event" }
  if (reason === "overloaded" || reason === "places") return crowded(facts)
  const isUnnamed = facts.dimension === undefined && retryAfterMs === undefined
  const limit = limits[facts.suspect]
  if (!limit) {
    if (isUnnamed && facts.mayWantPlaces) return crowded(facts)
    return isNew ? ofUnknownRate(facts) : { cause: "same-event" }
  }
  if (!isNew) return { cause: "same-event" }
  return ofLimit(facts, limit, facts.suspect, isUnnamed)
}

function crowded({ crowd }: RefusalFacts): Diagnosis {
  return crowd === "luck" ? { cause: "luck" } : { cause: "places", crowd }
}

/** From one refusal to the next that is the vendor's own rate, less a call. */
function ofUnknownRate({
  since,
  recent,
  dimension = "requests",
  amount,
  retryAfterMs,
  ...facts
}: RefusalFacts): Diagnosis {
  // A bucket that brings as much in a minute would have had one more by then, or something would have passed.
  const silentMs = !since || since.admitted >= amount ? 0 : since.ms
  const waitedMs = retryAfterMs ?? silentMs
  const isLong = waitedMs > tuned.windowExcess * 60_000 && waitedMs <= 66_000
  if (isLong && (3 * amount) / waitedMs < recent / 60_000)
    return { cause: "unknown-window", dimension, admitted: recent, agoMs: silentMs, isFixed: facts.endsBeforeWindow }
  // What passed before the first refusal may all have stood ready; and where nothing passed since, nothing is measured, nor by calls
  // whose refusals may still come, as no gate was closed.
  const isEarly = retryAfterMs === undefined && since !== undefined && since.ms < tuned.rampStepMs
  if (!since || silentMs > 0 || isEarly) return { cause: "unknown" }
  // What was refused may have been charged.
  return { cause: "unknown-rate", dimension, perMs: (since.admitted + since.refused + amount) / since.ms }
}

function ofLimit(facts: RefusalFacts, limit: LimitFacts, index: number, isUnnamed: boolean): Diagnosis {
  const { retryAfterMs } = facts
  const { amount, perMs, depth, own, remaining, kind } = limit
  const most = Math.min(limit.limit, perMs * limit.windowMs)
  // Headers say that there was room: something shorter stands behind the limit.
  if (remaining !== undefined && remaining >= amount + limit.limit * tuned.room) {
    if (depth > tuned.together * amount) {
      const before = limit.isDepthBounded ? depth / 2 : perMs * 1_000
      return { cause: "depth", limit: index, depth: Math.max(amount, Math.min(own * tuned.firstDepth, before)) }
    }
    return tooEarly(facts, limit, index) ?? (isUnnamed ? crowded(facts) : { cause: "level", limit: index })
  }
  // A bucket of this rate would have had room far sooner than the delay says, or than anything has passed.
  const flowMs = (2 * amount) / perMs + tuned.windowExcess * limit.windowMs
  const waitedMs = retryAfterMs ?? (limit.admitted > 0 ? 0 : limit.sinceMs)
  const isLong = waitedMs > flowMs && waitedMs <= 1.1 * limit.windowMs
  // Silence alone tells a window only where one would have refused as well.
  const isFull = retryAfterMs === undefined ? limit.recent + amount > most : limit.recent > most / 2
  if (kind === "bucket" && !limit.isKindTold && !limit.isGuessed && isLong && isFull)
    return { cause: "window", limit: index, kind: limit.endsBeforeWindow ? "fixed" : "sliding" }
  const late = limit.justFreed >= amount ? byHowMuch(facts, limit, index) : undefined
  if (late) return late
  if (isDoubtful(facts, limit)) {
    if (limit.doubts === 0 && retryAfterMs === undefined) return { cause: "doubt", limit: index }
    return { cause: "bucket", limit: index, depth: Math.max(amount, Math.min(own * tuned.firstDepth, own - amount)) }
  }
  const isHeard = limit.heardAgoMs <= tuned.trustMs
  const early = isHeard || retryAfterMs !== undefined ? tooEarly(facts, limit, index) : undefined
  if (early) return early
  // More stood ready, as we believed, than anybody has ever seen remain.
  const seen = Math.max(amount, limit.seen + amount)
  const isSeen = kind === "bucket" && limit.heardAgoMs !== Infinity && seen < limit.limit / 2
  if (isSeen && Math.min(limit.peak, depth) > 2 * seen) return { cause: "depth", limit: index, depth: seen }
  // Headers say what remains: the level and the room for others follow from that, and a cut would only waste quota.
  if (isHeard) return { cause: "level", limit: index }
  // The vendor's window moves on a little later than ours.
  if (kind !== "bucket" && limit.recent >= most / 2) return { cause: "level", limit: index }
  return ofRateOrDepth(facts, limit, index, isUnnamed)
}

/** One by one, and a little too soon: the network had brought two of them closer together. */
function tooEarly(facts: RefusalFacts, limit: LimitFacts, index: number): Diagnosis | undefined {
  // Calls of a fast limit always come a little too soon where its rate is believed to be more than it is.
  const isMany = limit.isFast && limit.admitted >= tuned.fewCalls * limit.amount
  if (isMany && limit.measured < limit.perMs * tuned.clearly) return undefined
  return limit.peak > 2 * limit.amount ? undefined : byHowMuch(facts, limit, index)
}

function byHowMuch({ retryAfterMs }: RefusalFacts, limit: LimitFacts, index: number): Diagnosis | undefined {
  const chargedMs = limit.amount / limit.perMs
  const isRounded = retryAfterMs !== undefined && retryAfterMs % 1_000 === 0
  const leftMs = (retryAfterMs ?? 0) - (isRounded ? 1_000 : 0)
  // What was refused may have been charged, and the delay say so.
  const byMs = leftMs >= chargedMs ? leftMs - chargedMs : leftMs
  if (byMs > tuned.mostJitterMs) return undefined
  // Tried with more than one call at once, and that was too many.
  const isMore = limit.isDepthBounded && Math.min(limit.peak, limit.depth) > limit.amount * 1.001
  if (isMore && !limit.isDepthTold && !limit.isGuessed) return { cause: "depth", limit: index, depth: limit.amount }
  if (limit.earlyMs >= tuned.mostJitterMs) return undefined
  return { cause: "early", limit: index, byMs: Math.max(Math.min(25, chargedMs / 4), limit.earlyMs, byMs) }
}

/**
 * No window of this length is full when we have used less than half of it, or has room again in a moment: where a good part of it was
 * left, for a little is how far off a count may be.
 */
function isDoubtful(
  { retryAfterMs }: RefusalFacts,
  { kind, windowMs, amount, perMs, limit, ...facts }: LimitFacts,
): boolean {
  if (kind === "bucket" || windowMs >= 86_400_000) return false
  if (retryAfterMs === undefined) return facts.level >= limit / 2
  const isRoomy = facts.level >= Math.max(amount, limit * tuned.windowExcess)
  return retryAfterMs <= (2 * amount) / perMs && (isRoomy || facts.freedMs > 2 * retryAfterMs)
}

/** A bucket that is at most one refused call in debt has room for one after two calls' time. */
function byDelay(amount: number, retryAfterMs: number | undefined): number {
  if (retryAfterMs === undefined) return Infinity
  // Whole seconds are rounded up.
  const leastMs = retryAfterMs % 1_000 === 0 ? retryAfterMs - 1_000 : retryAfterMs
  return leastMs < 1_000 ? Infinity : (2 * amount) / leastMs
}

/** Nobody says what remains. */
function ofRateOrDepth(facts: RefusalFacts, limit: LimitFacts, index: number, isUnnamed: boolean): Diagnosis {
  const { amount, perMs, measured, admitted } = limit
  const isFew = admitted < tuned.fewCalls * amount
  const floor = Math.max((0.1 * amount) / limit.windowMs, limit.passed)
  const bound = Math.max(floor, isFew ? Math.max(measured, perMs * tuned.leastByFew) : measured)
  // Who used less than half of what was granted has measured himself.
  const isHalfUsed = limit.isCrowded || limit.inARow >= tuned.chances || admitted > (perMs * limit.sinceMs) / 2
  const isIdle = !limit.isGuessed && (limit.idled > admitted || !isHalfUsed)
  const slower: Diagnosis = { cause: "rate", limit: index, perMs: bound }
  // A refusal or two may be chance; the third in a row is not.
  const isNear = limit.inARow >= tuned.chances
  const named = (limit.isGuessed && isFew) || isNear ? Math.max(floor, byDelay(amount, facts.retryAfterMs)) : Infinity
  if (named < Math.min(perMs, measured > 0 ? bound : Infinity)) return { cause: "rate", limit: index, perMs: named }
  if (!isFew && !isIdle && measured > 0 && bound < perMs * tuned.clearly) return slower
  // More than one call stood ready, and left together, and more than ever passed: a bucket shallower than that explains it.
  const burst = Math.min(limit.peak, limit.depth, limit.own)
  if (burst > (limit.isDepthBounded ? 1.001 : tuned.together) * amount && (!limit.isDepthTold || isNear)) {
    // What was in the backlog without this call has passed.
    const depth = limit.isDepthBounded ? burst / 2 : Math.min(burst * tuned.firstDepth, burst - amount)
    // A few seconds' worth may be all that slices hold. Beyond that a deep bucket of a lower limit explains it as well, unless the
    // vendor's delay is less than what one call takes: whole seconds are rounded up, and say nothing.
    const waitMs = facts.retryAfterMs ?? 0
    const isPrompt = waitMs % 1_000 !== 0 && waitMs <= amount / perMs
    const isDeep = limit.peak === Infinity && admitted > tuned.deepMs * perMs && !isPrompt
    const low = isDeep ? admitted / (limit.windowMs + limit.sinceMs) : Infinity
    return { cause: "depth", limit: index, depth: Math.max(amount, depth), ...(low < perMs && { low }) }
  }
  if (!isIdle && (limit.isGuessed || !isFew || isNear) && measured > 0 && bound * tuned.margin < perMs) return slower
  const early = facts.retryAfterMs === undefined ? tooEarly(facts, limit, index) : undefined
  if (early) return early
  // Neither depth nor rate: places, if anything.
  return isUnnamed && facts.mayWantPlaces ? crowded(facts) : { cause: "level", limit: index }
}
