import * as tuned from "../tuned.ts"

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

  /** In the last `spanMs` this much was missing that we did not expect to be (negative: came back). */
  notice(spanMs: number, missed: number, limitPerMs: number): void {
    // No more can others have taken in that time than the vendor grants.
    const most = tuned.othersMost * limitPerMs
    const taken = Math.max(-most * spanMs, Math.min(most * spanMs, missed))
    this.#surprise += ((Math.max(0, taken) ** 2 / spanMs - this.#surprise) * spanMs) / (spanMs + tuned.surpriseMs)
    const weight = 1 - Math.exp(-spanMs / tuned.othersMs)
    this.#perMs = Math.max(0, Math.min(most, this.#perMs + weight * (taken / spanMs - this.#perMs)))
  }

  /** Room for what they may take before we hear of it: their bursts over the time an answer takes. */
  headroom(limitPerMs: number): number {
    return Math.min(tuned.headroom * Math.sqrt(this.#surprise * this.#heldMs), 4 * limitPerMs * this.#heldMs)
  }

  forget(): void {
    this.#perMs = 0
  }
}
