/** Time constant of the estimate of what others take. */
const takenMs = 15_000
/** Time constant of the variance of their bursts. */
const surpriseMs = 10_000
/** Answers over which the time that a call takes is averaged. */
const heldAnswers = 10

const mostRoom = 0.7

/**
 * What others take from the same limit, seen as remaining that falls faster than ours, and how much they take at once.
 *
 * @example
 * ```ts
 * const others = new Others(0)
 * others.notice(1_000, -5, 0.01)
 * others.perMs > 0 && others.cushion(0.01) > 0 // => true
 * ```
 */
export class Others {
  #perMs = 0
  /** Variance of the surprises, per millisecond. */
  #surprise = 0
  #noticedMs: number
  #heldMs = 1_000

  constructor(nowMs: number) {
    this.#noticedMs = nowMs
  }

  get perMs(): number {
    return this.#perMs
  }

  /** A call took so long: that is how late their bursts are heard of. */
  held(ms: number): void {
    this.#heldMs += (ms - this.#heldMs) / heldAnswers
  }

  /** Whatever we did not expect, somebody else did: `error` is what remains less what we believed, `perMs` included. */
  notice(nowMs: number, error: number, limitPerMs: number): void {
    // No more can others have taken since the last look than the vendor grants in that time.
    const mostPerMs = 0.8 * limitPerMs
    const sinceMs = Math.max(50, nowMs - this.#noticedMs)
    this.#noticedMs = nowMs
    const taken = Math.max(-mostPerMs * sinceMs, Math.min(mostPerMs * sinceMs, -error))
    const weight = 1 - Math.exp(-sinceMs / takenMs)
    this.#perMs = Math.max(0, Math.min(mostPerMs, this.#perMs + (weight * taken) / sinceMs))
    this.#surprise += ((Math.max(0, taken) ** 2 / sinceMs - this.#surprise) * sinceMs) / (sinceMs + surpriseMs)
  }

  /**
   * Room beside `amount` for what they may take before we hear of it. It leaves a share of what was ever seen to stand ready,
   * `highest`, to those who wait.
   */
  room(amount: number, limitPerMs: number, highest: number): number {
    return Math.min(this.cushion(limitPerMs), Math.max(0, highest * mostRoom - amount))
  }

  /** Room for what they may take before we hear of it: their bursts over the time an answer takes. */
  cushion(limitPerMs: number): number {
    return Math.min(18 * Math.sqrt(this.#surprise * this.#heldMs), 4 * limitPerMs * this.#heldMs)
  }
}
