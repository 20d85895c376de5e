import type { FrameState } from "./frame-state.ts"

export interface ItemPace {
  readonly perMinute: number
  /** The items that it rests on. */
  readonly counted: number
}

export interface LeftWork {
  readonly items: number
  /** The one to go by, and others to be held against it. */
  readonly paces: readonly [ItemPace, ...ItemPace[]]
  /** What each limit needs for what is left, by what items took so far. */
  readonly limitsMs: readonly number[]
  /** Items that were asked about. */
  readonly asked: number
  /** Since the last of them was done. */
  readonly stillMs: number
  /** Until a call may leave at all. */
  readonly closedMs: number
}

/**
 * A burst at the beginning is no pace: what is left takes at least as long as the limits let it through. The range is what
 * the paces say with their luck: a count of n is by chance off by its root, and so is what n answers took of a limit; and
 * where items are done in bunches, one a minute, the next bunch is nearer by what was waited for it already.
 */
export function timeLeft({
  items,
  paces,
  limitsMs,
  asked,
  stillMs,
  closedMs,
}: LeftWork): Pick<FrameState, "etaMs" | "etaRangeMs"> {
  const msAt = (perMinute: number): number => (items / perMinute) * 60_000
  const [first] = paces
  // A pace knows of the pauses that were, not of one for a day that has just begun.
  const atLeast = closedMs + Math.max(0, ...limitsMs)
  const etaMs = Math.max(msAt(first.perMinute), atLeast)
  // One item is no pace; what the limits let through is known.
  if (asked < 2) return atLeast > 0 ? { etaMs } : {}
  const luck = 1 / Math.sqrt(asked)
  const early = paces.map(({ perMinute, counted }) => msAt(perMinute * (1 + 1 / Math.sqrt(counted))))
  const late = paces.flatMap(({ perMinute, counted }) =>
    counted > 1 ? [msAt(perMinute * (1 - 1 / Math.sqrt(counted)))] : [],
  )
  const low = Math.max(Math.min(...early), atLeast * (1 - luck)) - stillMs
  return {
    etaMs,
    etaRangeMs: [Math.max(closedMs, Math.min(low, etaMs)), Math.max(...late, atLeast * (1 + luck), etaMs)],
  }
}
