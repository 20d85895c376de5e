import type { LimitReading, Refusal, Settlement } from "@sluice/core"
import { amountOf } from "../limits/budget.ts"
import type { RateKind } from "../limits/rate/rate-limit-options.ts"
import type { RateLimit } from "../limits/rate/rate-limit.ts"
import * as tuned from "../limits/tuned.ts"
import type { SentCall } from "../quota/ledger.ts"
import type { Crowd } from "./crowding.ts"
import type { LedgerState } from "./state.ts"

export type Throttled = Extract<Settlement, { outcome: "throttled" }>

const dayMs = 86_400_000

/** One limit as it was believed to be when a call was refused: amounts per the limit's own dimension, rates per millisecond. */
export interface LimitFacts {
  readonly windowMs: number
  readonly kind: RateKind
  readonly isKindTold: boolean
  readonly isGuessed: boolean
  /** Nobody told it, and several calls leave before a refusal is heard. */
  readonly isFast: boolean
  /** What the call took. */
  readonly amount: number
  readonly perMs: number
  readonly limit: number
  readonly depth: number
  /** A refusal has bounded the depth before. */
  readonly isDepthBounded: boolean
  readonly level: number
  /** The backlog of our own calls as this one left, itself included. */
  readonly own: number
  /** The most that stood ready since the last event. */
  readonly peak: number
  /** What was taken in the last window. */
  readonly recent: number
  /** How long a window that counts as we believe would let the call wait. */
  readonly freedMs: number
  /** What had left a sliding window, by our count, in the quarter of a second before the call left. */
  readonly justFreed: number
  /** Refusals before this one that such a window does not explain. */
  readonly doubts: number
  /** A sliding window would make room only after the delay that the vendor named. */
  readonly endsBeforeWindow: boolean
  /** What the vendor admitted since the last event, and the rate that this bounds. */
  readonly admitted: number
  readonly measured: number
  /** What ran over meanwhile, because nobody asked for it. */
  readonly idled: number
  /** Behind most calls others waited: it was the limit that was felt, not the want of calls. */
  readonly isCrowded: boolean
  /** The rate that was seen to pass. */
  readonly passed: number
  readonly sinceMs: number
  /** Refusals before this one, each soon after the other. */
  readonly inARow: number
  readonly isDepthTold: boolean
  readonly earlyMs: number
  /** What this answer says remains. */
  readonly remaining: number | undefined
  /** Since an answer that was no refusal last said what remains. */
  readonly heardAgoMs: number
  /** The most that an answer ever said remains. */
  readonly seen: number
}

/** All that a refusal is judged by. */
export interface RefusalFacts {
  readonly reason: Refusal["reason"]
  readonly dimension: Refusal["dimension"]
  readonly retryAfterMs: number | undefined
  /** The vendor says that the limit is 0. */
  readonly isNever: boolean
  readonly dayResetMs: number | undefined
  /** The call left after the last event. */
  readonly isNew: boolean
  readonly limits: readonly LimitFacts[]
  /** The limit of these that most likely refused. */
  readonly suspect: number
  /** Nothing says what was short, and no limit is known that it might have been. */
  readonly isWordless: boolean
  readonly crowd: Crowd
  /** Places can be what is short: not where more ran lately and were served. */
  readonly mayWantPlaces: boolean
  /** What the call took of what the vendor names. */
  readonly amount: number
  /** What was admitted in the last minute, where no limit is known. */
  readonly recent: number
  readonly endsBeforeWindow: boolean
  /** What was admitted since the last event after which anything was, if that was a refusal of what is not known either. */
  readonly since: { readonly admitted: number; readonly refused: number; readonly ms: number } | undefined
}

/** What a refusal is judged by, as of before anything is changed for it. */
export function refusalFacts(state: LedgerState, nowMs: number, call: SentCall, end: Throttled): RefusalFacts {
  const { crowding, adaptive, concurrency, event, gate, limits } = state
  const facts = limits.map((limit, index) => limitFacts(nowMs, limit, call.anchors[2 * index + 1], call, end))
  const dimension = end.dimension ?? "requests"
  const amount = amountOf(call.cost, dimension)
  // Requests are what is counted; each is taken to be like this one.
  const each = dimension === "requests" ? 1 : amount
  const log = dimension === "requests" ? state.sent.requests : state.sent.tokens
  const running = concurrency.running
  // Places that it would have taken, itself included; a call that is alone wants none.
  const asked = running === 0 ? 0 : running + 1
  const places = adaptive ? adaptive.ceiling : concurrency.limit
  const suspect = suspectOf(limits, facts, end)
  const isRow = crowding.isRow(call.admittedMs)
  const isWordless = suspect < 0 && end.reason === "rate"
  // Whoever takes the last place is refused, time after time.
  const isTop = isWordless && crowding.rowWith(call.admittedMs) >= tuned.topRow
  const isEnough = places !== undefined && places < Infinity && asked < places * tuned.nearlyAll
  const endsMs = log.firstSince(nowMs - 60_000) + 60_000 * (1 - tuned.room)
  return {
    reason: end.reason,
    dimension: end.dimension,
    retryAfterMs: end.retryAfterMs,
    isNever: end.limits?.some(({ limit }) => limit === 0) ?? false,
    dayResetMs: end.limits?.find((one) => (one.windowMs ?? 0) >= dayMs)?.resetMs,
    isNew: gate.isNew(call.admittedMs),
    limits: facts,
    suspect,
    isWordless,
    crowd: crowding.judge(call.admittedMs, (adaptive?.isProbe(running) ?? false) || isTop),
    mayWantPlaces: !isEnough && !isRow && !adaptive?.isRefuted(nowMs) && crowding.mayBeShort(nowMs, running),
    amount,
    recent: log.since(nowMs - 60_000),
    endsBeforeWindow: nowMs + (end.retryAfterMs ?? Infinity) < endsMs,
    since: event.isOfUnknown
      ? { admitted: event.admitted * each, refused: event.refused * each, ms: nowMs - event.sinceMs }
      : undefined,
  }
}

function limitFacts(
  nowMs: number,
  limit: RateLimit,
  own: number | undefined,
  call: SentCall,
  end: Throttled,
): LimitFacts {
  const amount = amountOf(call.cost, limit.dimension)
  const { span } = limit
  return {
    windowMs: limit.windowMs,
    kind: limit.kind,
    isKindTold: limit.isKindTold,
    isGuessed: limit.isGuessed,
    isFast: limit.isFast(nowMs, amount),
    amount,
    perMs: limit.fullPerMs(nowMs),
    limit: limit.limit,
    depth: limit.depthAt(nowMs),
    isDepthBounded: limit.depth.isBounded,
    level: limit.level(nowMs),
    own: own ?? amount,
    peak: span.peak,
    recent: limit.log.since(nowMs - limit.windowMs),
    freedMs: limit.kind === "bucket" ? 0 : limit.msUntil(nowMs, amount, true),
    justFreed: limit.justFreed(call.admittedMs),
    doubts: limit.doubts,
    endsBeforeWindow: limit.endsBefore(nowMs, nowMs + (end.retryAfterMs ?? Infinity)),
    admitted: span.admitted,
    measured: span.perMs(nowMs, amount, end.retryAfterMs),
    idled: span.idled,
    isCrowded: span.crowded * 2 > span.calls,
    passed: limit.passedPerMs(nowMs),
    sinceMs: nowMs - span.fromMs,
    inARow: nowMs - limit.eventMs < tuned.holdMs ? limit.inARow : 0,
    isDepthTold: limit.isDepthTold,
    earlyMs: limit.early.at(nowMs),
    remaining: end.limits?.find((one) => isOf(one, limit))?.remaining,
    heardAgoMs: nowMs - limit.heard.atMs,
    seen: limit.heard.seen,
  }
}

/** Whether a reading speaks of this limit. */
export function isOf(reading: LimitReading, limit: RateLimit): boolean {
  if (reading.dimension !== limit.dimension || limit.isGrowth) return false
  if (reading.windowMs !== undefined || limit.windowMs === 60_000)
    return (reading.windowMs ?? 60_000) === limit.windowMs
  // A vendor that names no window means a minute, unless its number is the one that the user told for another window.
  return limit.isTold && reading.limit === limit.limit
}

/**
 * The limit that most likely refused: of those named, else of those that headers say are empty, else of all, the emptiest. Where tokens
 * are named, or requests, and only the other is known, it is none of these.
 */
function suspectOf(limits: readonly RateLimit[], facts: readonly LimitFacts[], { dimension }: Throttled): number {
  const indexes = limits.map((_, index) => index).filter((index) => !limits[index]!.isGrowth)
  const named = indexes.filter((index) => limits[index]!.dimension === dimension)
  const isOther = (index: number): boolean => (limits[index]!.dimension === "requests") !== (dimension === "requests")
  if (dimension !== undefined && indexes.every((index) => isOther(index) || limits[index]!.daily)) return -1
  const empty = indexes.filter((index) => (facts[index]!.remaining ?? Infinity) < Math.max(1, facts[index]!.amount))
  const pool = named.length > 0 ? named : empty.length > 0 ? empty : indexes.filter((index) => !limits[index]!.daily)
  const fullness = (index: number): number => {
    const { level, limit, depth, perMs, windowMs } = facts[index]!
    return level / Math.min(limit, depth, perMs * windowMs)
  }
  return pool.reduce((a, b) => (a >= 0 && fullness(a) <= fullness(b) ? a : b), -1)
}
