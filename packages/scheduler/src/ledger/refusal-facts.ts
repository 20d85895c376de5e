import type { LimitReading, Settlement } from "@sluice/core"
import { amountOf } from "../limits/budget.ts"
import type { RateLimit } from "../limits/rate/rate-limit.ts"
import { tuned } from "../limits/tuned.ts"
import type { SentCall } from "../quota/ledger.ts"
import type { LimitFacts, RefusalFacts } from "./diagnose.ts"
import type { LedgerState } from "./state.ts"

export type Throttled = Extract<Settlement, { outcome: "throttled" }>

const dayMs = 86_400_000

/** What a refusal is judged by, as of before anything is changed for it. */
export function refusalFacts(state: LedgerState, nowMs: number, call: SentCall, end: Throttled): RefusalFacts {
  const { crowding, adaptive, concurrency, gate, limits } = state
  const facts = limits.map((limit, index) => limitFacts(nowMs, limit, call.anchors[2 * index + 1], call, end))
  const dimension = end.dimension ?? "requests"
  const log = dimension === "requests" ? state.sent.requests : state.sent.tokens
  const running = concurrency.running
  // Places that it would have taken, itself included; a call that is alone wants none.
  const asked = running === 0 ? 0 : running + 1
  const places = adaptive ? adaptive.ceiling : concurrency.limit
  const suspect = suspectOf(limits, facts, end)
  const isRow = crowding.isRow(call.admittedMs)
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
    crowd: crowding.judge(call.admittedMs, adaptive?.isProbe(running) ?? false),
    mayWantPlaces: !isRow && crowding.mayBeShort(nowMs, running),
    hasPlaces: isRow || (places !== undefined && places < Infinity && asked < places * tuned.nearlyAll),
    amount: amountOf(call.cost, dimension),
    spans: suspect >= 0 ? [] : tuned.spansMs.map((ms) => ({ ms, admitted: log.since(nowMs - ms) })),
    endsBeforeWindow: nowMs + (end.retryAfterMs ?? Infinity) < endsMs,
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
    inARow: nowMs - limit.eventMs < tuned.stands.holdMs ? limit.inARow : 0,
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
