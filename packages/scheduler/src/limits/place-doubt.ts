import * as tuned from "./tuned.ts"

/**
 * Whether refusals that name nothing are for want of places. One call more than had room is tried again, apart from all others, so that
 * nothing but its place can be what is short: refused, it is tried ever more rarely; where more run in the end than ran as
 * calls were refused, those were refused for something else.
 *
 * @example
 * ```ts
 * const doubt = new PlaceDoubt()
 * doubt.refused(0, 1, false)
 * doubt.msUntil(0, 1, 1, 4_000) // => 1000
 * doubt.started(1_000, 2, 1)
 * doubt.started(2_000, 3, 2)
 * doubt.isRefuted(2_250) // => true
 * ```
 */
export class PlaceDoubt {
  /** The fewest that ran as one more was refused, and the most that ran since and were not. */
  #least = Infinity
  #most = 0
  /** The last try, that a refusal may still come back of: as one of how many, and when. */
  #tried = 0
  #triedMs = 0
  #waitMs = 0
  #nextMs = 0
  /** When a call last left. */
  #leftMs = 0

  /** Milliseconds until one more than `limit`, as many as run, may be tried; calls usually take `usualMs`. */
  msUntil(nowMs: number, running: number, limit: number, usualMs: number): number {
    if (running > limit) return Infinity
    // Half as far from the last as they are from each other on average.
    const apartMs = Math.min(tuned.apartMs, usualMs / (2 * limit))
    return Math.max(0, this.#nextMs - nowMs, this.#leftMs + apartMs - nowMs)
  }

  /** A call left as one of `running`. Returns whether it was a try. */
  started(nowMs: number, running: number, limit: number): boolean {
    this.#leftMs = nowMs
    if (running <= limit) return false
    this.#stood(nowMs)
    this.#tried = running
    this.#triedMs = nowMs
    this.#nextMs = nowMs + this.#waitMs
    return true
  }

  /** One more than `accepted` was refused; `isBurst`: so were others that left with it. */
  refused(nowMs: number, accepted: number, isBurst: boolean): void {
    this.#stood(nowMs)
    this.#tried = 0
    this.#least = Math.min(this.#least, accepted)
    if (!isBurst) this.#waitMs = Math.min(tuned.tryMs, 2 * this.#waitMs || tuned.apartMs)
    this.#nextMs = nowMs + this.#waitMs
  }

  /** More run than had room. A place may be free before anybody hears of it: two more, and a quarter. */
  isRefuted(nowMs: number): boolean {
    return this.#mostAt(nowMs) >= Math.max(this.#least + 2, this.#least / tuned.nearlyAll)
  }

  /** With the last try, if a refusal of it would have been back. */
  #mostAt(nowMs: number): number {
    return nowMs - this.#triedMs < tuned.rampStepMs ? this.#most : Math.max(this.#most, this.#tried)
  }

  /** Whether the last try was refused is known before the next. */
  #stood(nowMs: number): void {
    const most = this.#mostAt(nowMs)
    if (this.#tried > 0 && most >= this.#tried)
      this.#waitMs = Math.max(tuned.rampStepMs, Math.min(this.#waitMs, tuned.apartMs) / 2)
    this.#most = most
  }
}
