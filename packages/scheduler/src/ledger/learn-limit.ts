import type { LimitReading } from "@sluice/core"
import { RateLimit } from "../limits/rate/rate-limit.ts"
import type { Change, SentCall } from "../quota/ledger.ts"
import type { LedgerState } from "./state.ts"

const dayMs = 86_400_000

/** An answer names a limit that nobody had told. */
export function learnLimit(
  state: LedgerState,
  nowMs: number,
  reading: LimitReading,
  call: SentCall,
  isRefusal: boolean,
): Change {
  const { dimension, windowMs = 60_000 } = reading
  const stated = reading.limit!
  const isDay = windowMs >= dayMs
  const limit = new RateLimit({
    name: `${dimension} per ${windowMs === 60_000 ? "minute" : isDay ? "day" : `${windowMs / 1_000} s`}`,
    dimension,
    stated,
    windowMs,
    nowMs,
    jitterMs: Math.min(state.jitterMs, windowMs / 100),
    ...(isDay && { kind: "fixed" as const, resetAtMs: nowMs + (reading.resetMs ?? windowMs) }),
  })
  state.addLimit(limit)
  // Calls in flight beyond the one that settles: the vendor may not have counted them.
  const unseen = dimension === "requests" ? state.concurrency.running : 0
  limit.correct(nowMs, Math.max(0, (reading.remaining ?? stated) - unseen) - stated)
  limit.hear(nowMs, reading, undefined, call.admittedMs, 0, isRefusal)
  // A known rate bounds what runs better than a guessed concurrency does.
  if (state.options.concurrency === undefined && state.adaptive && !isDay) {
    state.adaptive = undefined
    state.concurrency.retune(Infinity)
  }
  return { dimension: limit.name, from: Infinity, to: stated, reason: "the vendor's headers say so" }
}
