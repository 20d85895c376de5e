import * as tuned from "./tuned.ts"

/**
 * How much closer together than they left calls reach the vendor, as far as refusals showed. A bound like the others, for three times as long:
 * neighbours look like it. It stands for half a minute, or the time of thirty calls, twice as long each time that it is confirmed,
 * then goes back to nothing within as many more.
 *
 * @example
 * ```ts
 * const early = new Early()
 * early.refused(0, 40, 100)
 * early.at(30_000) // => 40
 * early.at(45_000) // => 20
 * ```
 */
export class Early {
  #ms = 0
  /** When a call last came too early. */
  sinceMs: number = -Infinity
  #confirmed = 0
  #holdMs = 0

  at(nowMs: number): number {
    return this.#ms === 0 ? 0 : this.#fadingAt(nowMs)
  }

  #fadingAt(nowMs: number): number {
    const goneMs = nowMs - this.sinceMs - this.#holdMs * 2 ** this.#confirmed
    return goneMs <= 0 ? this.#ms : this.#ms * Math.max(0, 1 - goneMs / this.#holdMs)
  }

  /** A call came too early by so much more. `callMs`: how long one call's worth takes. */
  refused(nowMs: number, byMs: number, callMs: number): void {
    const ms = this.at(nowMs)
    this.#holdMs = tuned.slowHolds * tuned.holdMs * Math.max(1, callMs / 1_000)
    if (ms < this.#ms) this.#confirmed = Math.min(tuned.holdDoublings, this.#confirmed + 1)
    this.#ms = Math.min(tuned.mostJitterMs, ms + byMs)
    this.sinceMs = nowMs
  }
}
