import type { LimitReading } from "@sluice/core"
import type { Episode } from "./measured-rate.ts"

/** So many readings in a row must speak of a window. */
const resetsThatCount = 3
/** A bucket is deeper in debt than this share of a window only if estimates are far too low. */
const mostDebt = 0.25
/** Windows end a little later than they should. */
const longestWindow = 1.1
/** What was admitted is known this well, where calls are counted. */
const countTolerance = 0.02

interface Rate {
  readonly limit: number
  readonly windowMs: number
}

/**
 * What shows that a vendor counts windows, and has no bucket that refills. Each of the three is beyond what a bucket would do.
 *
 * @example
 * ```ts
 * const evidence = new WindowEvidence({ limit: 600, windowMs: 60_000 })
 * // 590 of 600 remain, and the vendor is back to its initial state in a second: a bucket.
 * evidence.byReset({ dimension: "requests", limit: 600, remaining: 590, resetMs: 1_000 }, 590) // => false
 * ```
 */
export class WindowEvidence {
  readonly #rate: Rate
  #longResets = 0

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** A bucket is full again as soon as what is missing has flowed in; a window, only when it is over. */
  byReset({ limit, remaining, resetMs }: LimitReading, level: number): boolean {
    if (limit !== this.#rate.limit || remaining === undefined || resetMs === undefined) return false
    const { windowMs } = this.#rate
    const flowsMs = (1 - Math.min(remaining, level) / limit) * windowMs
    const isLong = resetMs > flowsMs + windowMs * mostDebt && resetMs <= windowMs * longestWindow
    this.#longResets = isLong ? this.#longResets + 1 : 0
    return this.#longResets >= resetsThatCount
  }

  /** Refused for so long that `amount` would have flowed in three times, after much of the limit was used. */
  byWait(amount: number, waitMs: number, admitted: number): boolean {
    const { limit, windowMs } = this.#rate
    const flowsMs = (3 * amount * windowMs) / limit
    return admitted > limit / 2 && waitMs > flowsMs + windowMs * mostDebt && waitMs <= windowMs * longestWindow
  }

  /** Refused for the first time at just its limit, where a bucket would have let through what it refilled meanwhile. */
  byCount({ admitted, elapsedMs, first }: Episode): boolean {
    const { limit, windowMs } = this.#rate
    const tolerance = Math.max(2, limit * countTolerance)
    const refilled = (limit * elapsedMs) / windowMs
    return first && Math.abs(admitted - limit) <= tolerance && refilled > 2 * tolerance && elapsedMs < windowMs
  }
}
