import { amountOf } from "../limits/budget.ts"
import { GrowthLimit } from "../limits/growth-limit.ts"
import { RateLimit } from "../limits/rate/rate-limit.ts"
import * as tuned from "../limits/tuned.ts"
import type { Change, SentCall } from "../quota/ledger.ts"
import type { Diagnosis } from "./diagnose.ts"
import { isOf, type Throttled } from "./refusal-facts.ts"
import type { LedgerState } from "./state.ts"

/** What a refusal came with, beside its diagnosis. */
export interface Circumstances {
  readonly nowMs: number
  readonly call: SentCall
  readonly end: Throttled
  /** Congestion events in a row between which nothing was admitted. */
  readonly fruitless: number
  /** What the diagnosis was made from. */
  readonly reason: string
}

/** Changes the one number that a diagnosis blames. Places are the learner's, and so are the account and the day. */
export function applyDiagnosis(state: LedgerState, diagnosis: Diagnosis, circumstances: Circumstances): Change[] {
  const { nowMs, call, end, fruitless, reason } = circumstances
  const { retryAfterMs } = end
  if (!("limit" in diagnosis)) {
    if (diagnosis.cause === "growth") return grow(state, nowMs, reason)
    if (diagnosis.cause === "same-event") {
      const { closedAtMs } = state.gate
      if (nowMs - closedAtMs > tuned.backoffMs) state.event.isLate = true
      for (const one of state.limits) {
        if (end.reason === "ramp" && one instanceof GrowthLimit) one.refusedToo(nowMs)
        if (one.early.sinceMs === closedAtMs) forgive(state, one, circumstances)
        if (one.isGuessed && one.kind !== "bucket" && one.inARow === 0) {
          // It was guessed from what had left, this call among it.
          const perMs = amountOf(call.cost, one.dimension) / one.windowMs
          one.rate.high = Math.max(perMs, one.rate.high - perMs)
        }
        if (one.kind === "bucket" && one.eventMs === closedAtMs && nowMs - closedAtMs > tuned.backoffMs) {
          // It was sent late, and nothing stands ready: what flowed in until now went to others like it.
          const amount = amountOf(call.cost, one.dimension)
          const left = Math.min(one.level(nowMs), amount - one.perMs(nowMs) * (retryAfterMs ?? 0))
          one.setLevel(nowMs, left)
          one.span.begin(nowMs, retryAfterMs)
        }
      }
    }
    // A delay, or what was exceeded, is a rate's: it is looked for however few places were guessed.
    const isNamed = end.dimension !== undefined || retryAfterMs !== undefined
    if (diagnosis.cause === "unknown") return isNamed ? release(state) : []
    const isUnknown = diagnosis.cause === "unknown-rate" || diagnosis.cause === "unknown-window"
    return isUnknown ? guess(state, diagnosis, circumstances) : []
  }
  const limit = state.limits[diagnosis.limit]!
  const amount = amountOf(call.cost, limit.dimension)
  // As far below what the call needs as flows in until the vendor would take it.
  // Refused again just when it should have fitted: the vendor charges what it refuses.
  const debt = amount * Math.max(0, Math.min(8, fruitless - 1))
  const left = Math.min(0, amount - limit.perMs(nowMs) * (retryAfterMs ?? 0)) - debt
  // What passed before the first refusal may all have stood ready.
  if (!limit.span.isMeasured) limit.passed.forget()
  const from = limit.fullPerMs(nowMs) * limit.windowMs
  switch (diagnosis.cause) {
    case "window": {
      const resetAtMs = diagnosis.kind === "fixed" ? nowMs + retryAfterMs! : undefined
      limit.becomes(nowMs, diagnosis.kind, resetAtMs)
      // What refusals said of a bucket does not hold of a window, which brought what it held.
      limit.depth.reset()
      limit.rate.refused(nowMs, limit.log.since(nowMs - limit.windowMs) / limit.windowMs, limit.callMs(nowMs, amount))
      break
    }
    case "doubt":
      limit.doubts++
      break
    case "bucket":
    case "depth":
      if (diagnosis.cause === "bucket") limit.becomes(nowMs, "bucket")
      limit.depth.refused(nowMs, diagnosis.depth, limit.callMs(nowMs, amount))
      if ("low" in diagnosis) limit.rate.search(nowMs, diagnosis.low, limit.fullPerMs(nowMs))
      limit.setLevel(nowMs, left)
      limit.span.begin(nowMs, retryAfterMs)
      break
    case "early": {
      limit.rate.stands(nowMs)
      limit.early.refused(nowMs, diagnosis.byMs, limit.callMs(nowMs, amount))
      forgive(state, limit, circumstances)
      limit.empty(nowMs, left, call.admittedMs)
      const level = limit.level(nowMs)
      // Room for more than one call would let the next one go as much sooner as this one waits longer.
      if (limit.isDepthTold || limit.isGuessed) limit.depth.stands(nowMs)
      else limit.depth.refused(nowMs, amount, limit.callMs(nowMs, amount))
      limit.setLevel(nowMs, level)
      break
    }
    case "rate":
      // Refused so often in a row, it was passed on from what had stood ready.
      if (limit.inARow >= tuned.fewCalls) limit.passed.forget()
      limit.rate.low = limit.passedPerMs(nowMs)
      limit.rate.refused(nowMs, diagnosis.perMs * tuned.margin, limit.callMs(nowMs, amount))
      limit.empty(nowMs, 0, call.admittedMs)
      // A longer span measures better; one longer than a window may be of another time.
      // Of fast calls a few measure enough, and those before may have been held back by something else.
      if (
        nowMs - limit.span.fromMs > limit.windowMs ||
        (limit.isFast(nowMs, amount) && limit.span.admitted >= tuned.fewCalls * amount)
      )
        limit.span.begin(nowMs, retryAfterMs)
      break
    case "level":
      limit.rate.stands(nowMs)
      limit.depth.stands(nowMs)
      limit.empty(nowMs, left, call.admittedMs)
      if (!limit.span.isMeasured || nowMs - limit.span.fromMs > limit.windowMs) limit.span.begin(nowMs, retryAfterMs)
      break
  }
  limit.refused(nowMs)
  const to = limit.fullPerMs(nowMs) * limit.windowMs
  return to < from * 0.999 ? [{ dimension: limit.name, from, to, reason }] : []
}

/**
 * A window that is full for a moment more has not counted what it refused, unless it refuses on: taken for used it would be missing
 * for a whole window.
 */
function forgive(state: LedgerState, limit: RateLimit, { nowMs, call, fruitless }: Circumstances): void {
  if (limit.kind === "bucket" || limit.dimension !== "requests" || fruitless > 1) return
  if (state.options.chargeRefused === undefined) limit.correct(nowMs, amountOf(call.cost, "requests"))
}

/**
 * The answer that refuses, and names the limit for the first time, says when that is full again: what was refused fits by then,
 * however slowly a bucket of that limit would fill. A fixed window near its end is like that.
 */
export function fullByReset(
  nowMs: number,
  limit: RateLimit,
  { cost }: SentCall,
  { limits, retryAfterMs }: Throttled,
): void {
  const resetMs = limits?.find((one) => isOf(one, limit))?.resetMs
  if (resetMs === undefined || retryAfterMs !== undefined || limit.kind !== "bucket") return
  const level = amountOf(cost, limit.dimension) - limit.perMs(nowMs) * resetMs
  if (limit.level(nowMs) < level) limit.setLevel(nowMs, level)
}

function guess(
  state: LedgerState,
  diagnosis: Extract<Diagnosis, { cause: "unknown-rate" | "unknown-window" }>,
  { nowMs, call, end: { retryAfterMs }, reason }: Circumstances,
): Change[] {
  const { dimension } = diagnosis
  const windowMs = 60_000
  const isWindow = diagnosis.cause === "unknown-window"
  const kind = isWindow ? (diagnosis.isFixed ? "fixed" : "sliding") : undefined
  const filledMs = isWindow ? nowMs - diagnosis.agoMs : nowMs
  const limit = new RateLimit({
    name: `${dimension} per minute`,
    dimension,
    windowMs,
    nowMs: filledMs,
    jitterMs: state.jitterMs,
    ...(kind && { kind }),
    ...(kind === "fixed" && { resetAtMs: nowMs + retryAfterMs! }),
  })
  if (isWindow) {
    limit.rate.refused(nowMs, diagnosis.admitted / windowMs, windowMs / 10)
    limit.take(filledMs, diagnosis.admitted)
  } else {
    const { perMs } = diagnosis
    const amount = amountOf(call.cost, dimension)
    const callMs = amount / perMs
    // In no time nothing was measured.
    const isFast = callMs > 0 && callMs < tuned.fastMs
    // What ran over of a fast limit, while something else held calls back, nobody has measured: it is looked for upwards.
    if (isFast) limit.rate.search(nowMs, perMs / 8, perMs * 8, tuned.fastCalls * callMs)
    else limit.rate.refused(nowMs, perMs * tuned.margin)
    // Of a fast one a tenth of a second's worth: what starts a little late would use less of a depth of one call.
    limit.depth.refused(nowMs, Math.max(amount, perMs * (isFast ? 100 : 1_000)))
    limit.take(nowMs, limit.depthAt(nowMs))
  }
  limit.span.begin(nowMs, retryAfterMs)
  state.addLimit(limit)
  const to = limit.fullPerMs(nowMs) * windowMs
  return [{ dimension: limit.name, from: Infinity, to, reason }, ...release(state)]
}

/** A rate is what is short. */
function release({ adaptive, concurrency }: LedgerState): Change[] {
  if (!adaptive) return []
  adaptive.release()
  const from = concurrency.limit
  concurrency.retune(adaptive.limit)
  return [{ dimension: "concurrency", from, to: adaptive.limit, reason: "a rate is the limit, not places" }]
}

/** The vendor limits growth, whatever the quota: from what it took so far, its traffic grows as fast as is found to pass. */
function grow(state: LedgerState, nowMs: number, reason: string): Change[] {
  const known = state.limits.find((one) => one.isGrowth)
  const from = known ? known.fullPerMs(nowMs) * known.windowMs : Infinity
  const { admitted, sinceMs } = state.event
  const limit = known ?? new GrowthLimit(nowMs, admitted, Math.max(1, nowMs - sinceMs))
  if (known) limit.refused(nowMs)
  else state.addLimit(limit)
  return [{ dimension: "growth", from, to: limit.fullPerMs(nowMs) * limit.windowMs, reason }]
}
