import type { CountingClock } from "../clock/counting-clock.ts"

/** What a quota's `snapshot()` says of who waits. */
export interface WaitsSnapshot {
  readonly waiting: number
  readonly inFlight: number
  readonly gate?: { readonly state: string }
  readonly next?: { readonly blockedBy: string; readonly inMs?: number }
}

/** What is said of the first that waits may lie so much before the timer: that of a window waits for the end of its slot. */
const slackMs = 1_000

/**
 * Why nothing will wake the first that waits, or not in time; `undefined`: something will. What comes with time needs a timer that
 * is due by then, whatever else runs; what comes with an end needs a call in flight, whatever timers there are.
 */
export function whyAsleep(
  { waiting, inFlight, gate, next }: WaitsSnapshot,
  clock: Pick<CountingClock, "nextInMs">,
): string | undefined {
  if (waiting === 0) return undefined
  const { nextInMs } = clock
  const timer = nextInMs === Infinity ? "no timer is set" : `the first timer is due in ${nextInMs} ms`
  const waits = `${waiting} wait (gate ${gate?.state ?? "unknown"})`
  if (next?.inMs === undefined) {
    // A limiter that does not say what for may be woken by any.
    if (inFlight > 0 || (next === undefined && nextInMs < Infinity)) return undefined
    return `${waits} for ${next?.blockedBy ?? "what nobody says"}, which no time brings, nothing runs and ${timer}: nothing ever wakes them`
  }
  if (nextInMs <= next.inMs + slackMs) return undefined
  return `${waits} for ${next.blockedBy}, which comes in ${next.inMs} ms, and ${timer}: nothing wakes them in time`
}
