import * as tuned from "../tuned.ts"
import type { RemainingReading } from "./heard-level.ts"

/**
 * What others take from the same limit, seen as remaining that falls faster than ours, and how much they take at once.
 *
 * @example
 * ```ts
 * const others = new CoTenantShare()
 * others.notice(1_000, 5, 0.01)
 * others.perMs > 0 && others.headroom(0.01) > 0 // => true
 * ```
 */
export class CoTenantShare {
  #perMs = 0
  /** Variance of the surprises, per millisecond. */
  #surprise = 0
  #heldMs = 1_000
  #from: RemainingReading | undefined
  /** So much of what we took since an answer told of others was refused, and perhaps not charged. */
  refused = 0

  get perMs(): number {
    return this.#perMs
  }

  /** What they leave us of a rate. */
  leave(perMs: number): number {
    return Math.max(perMs * (1 - tuned.othersMost), perMs - this.#perMs)
  }

  /** A call took so long: that is how late their bursts are heard of. */
  held(ms: number): void {
    this.#heldMs += (ms - this.#heldMs) * 0.1
  }

  /**
   * What flowed in between two answers some time apart, less what we took and what remains more, others have taken: told also where
   * that is less than a call from one answer to the next, as rounding does not add up. `isFull`: what flows in may be lost.
   */
  hear(now: RemainingReading, limitPerMs: number, isFull: boolean): void {
    const from = isFull ? undefined : this.#from
    const spanMs = from ? now.sentMs - from.sentMs : Infinity
    if (spanMs < Math.max(tuned.missingMs, tuned.missingCalls / limitPerMs)) return
    if (from) {
      const taken = now.taken - from.taken - this.refused
      const missed = limitPerMs * spanMs - taken - now.remaining + from.remaining
      // What left while their calls were out may have overtaken them.
      const isSure = this.#perMs > 0 || missed > from.since + now.since
      this.#learn(spanMs, isSure ? missed : 0, limitPerMs)
    }
    this.refused = 0
    this.#from = isFull ? undefined : now
  }

  /** In the last `spanMs` this much was missing that we did not expect to be (negative: came back). */
  notice(spanMs: number, missed: number, limitPerMs: number): void {
    // No more can others have taken in that time than the vendor grants.
    const most = tuned.othersMost * limitPerMs * spanMs
    const taken = Math.max(-most, Math.min(most, missed))
    this.#surprise += ((Math.max(0, taken) ** 2 / spanMs - this.#surprise) * spanMs) / (spanMs + tuned.surpriseMs)
    // Else it is told by answers some time apart.
    if (!this.#from || this.#perMs === 0) this.#learn(spanMs, taken, limitPerMs)
  }

  #learn(spanMs: number, taken: number, limitPerMs: number): void {
    const weight = 1 - Math.exp(-spanMs / tuned.othersMs)
    const perMs = this.#perMs + weight * (taken / spanMs - this.#perMs)
    this.#perMs = Math.max(0, Math.min(tuned.othersMost * limitPerMs, perMs))
  }

  /** Room for what they may take before we hear of it: their bursts over the time an answer takes. */
  headroom(limitPerMs: number): number {
    return Math.min(tuned.headroom * Math.sqrt(this.#surprise * this.#heldMs), 4 * limitPerMs * this.#heldMs)
  }

  forget(): void {
    this.#perMs = 0
    this.#from = undefined
  }
}
