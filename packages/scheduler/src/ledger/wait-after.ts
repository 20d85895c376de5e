import * as tuned from "../limits/tuned.ts"

/** What is known of when a refused call may go. */
export interface AfterRefusal {
  /** Until it fits, as we believe; `Infinity` never. */
  readonly fitsMs: number
  /** Until a window's worth that was admitted has left its window, were the limit counted so; `Infinity`: less than that was. */
  readonly freedMs: number
  /** As the vendor named it. */
  readonly retryAfterMs: number | undefined
  /** Doubles with each event in a row. */
  readonly backoffMs: number
  /** Congestion events in a row between which nothing was admitted. */
  readonly fruitless: number
}

/**
 * How long the gate closes after a refusal.
 *
 * @example
 * ```ts
 * const silent = { fitsMs: 2_000, freedMs: 7_000, retryAfterMs: undefined }
 * waitAfter({ ...silent, backoffMs: 16_000, fruitless: 6 }) // => 7000
 * ```
 */
export function waitAfter({ fitsMs, freedMs, retryAfterMs, backoffMs, fruitless }: AfterRefusal): number {
  if (retryAfterMs === undefined) {
    const pauseMs = Math.min(backoffMs, Math.max(tuned.backoffMs, freedMs))
    return Math.max(fitsMs === Infinity ? 0 : fitsMs, pauseMs)
  }
  if (fruitless < 2) return retryAfterMs
  // Who obeyed and was refused again, and again, must not hammer: some vendors charge for refused calls, and name a delay without it.
  const obeyedMs = Math.min(tuned.longestDoubtMs, (retryAfterMs * (fruitless - 1)) / 2)
  return retryAfterMs + Math.max(obeyedMs, backoffMs / 8)
}
