import * as tuned from "../tuned.ts"

/**
 * A number of the vendor's that nobody tells: at least what passed, at most what was refused, until that has stood for a while.
 *
 * `at(t)` is `high` for 10 s × 2^confirmed after the refusal; then `high × e^(1 % × s × (1 + s / 10))`, s seconds after that (of a slow
 * limit, calls' times), and 8 times at most. While it searches between a sure and a possible value it is `start × 2^(s / 3)`, or doubles as
 * fast as it was asked to, up to `high`, and then goes on the same way.
 *
 * @example
 * ```ts
 * const rate = new Estimate()
 * rate.refused(0, 10)
 * rate.at(5_000) // => 10
 * rate.at(60_000) > 10 // => true
 * ```
 */
export class Estimate {
  /** What was seen to pass: never cut below it. */
  low = 0
  /** What was refused. */
  high: number = Infinity
  #refusedMs = -Infinity
  #confirmed = 0
  #start: number | undefined
  #doublingMs: number = tuned.searchDoublingMs
  /** Slow limits are tried again more slowly: a second, or what a call takes. */
  #unitMs = 1_000
  readonly #holds: number

  /** It stands `holds` times as long as others. */
  constructor(holds = 1) {
    this.#holds = holds
  }

  get isBounded(): boolean {
    return this.high !== Infinity
  }

  at(nowMs: number): number {
    return this.high === Infinity ? Infinity : this.#boundedAt(nowMs)
  }

  #boundedAt(nowMs: number): number {
    let sinceMs = nowMs - this.#refusedMs
    if (this.#start !== undefined) {
      const searchMs = this.#doublingMs * Math.log2(this.high / this.#start)
      if (sinceMs < searchMs) return this.#start * 2 ** (Math.max(0, sinceMs) / this.#doublingMs)
      // Not refused all the way: from here it is a bound like any other.
      sinceMs -= searchMs
    }
    const s = sinceMs / this.#unitMs - (tuned.holdMs / 1_000) * this.#holds * 2 ** this.#confirmed
    if (s <= 0) return this.high
    return Math.min(
      tuned.mostGrown * Math.max(this.high, this.low),
      this.high * Math.exp(tuned.growthPerS * s * (1 + s / tuned.doublingS)),
    )
  }

  /** `value` did not pass. `callMs`: how long one call's worth takes. */
  refused(nowMs: number, value: number, callMs = 0): void {
    const before = this.at(nowMs)
    this.#unitMs = Math.max(1_000, callMs)
    const floor = before === Infinity ? 0 : before * tuned.leastCut
    const high = Math.max(floor, Math.min(this.low, before), value)
    // The same as before, however far it had grown meanwhile: that bound stands.
    const isNews =
      this.#start !== undefined || !(high <= this.high * tuned.changed && high * tuned.changed >= this.high)
    this.#confirmed = isNews ? 0 : Math.min(tuned.holdDoublings, this.#confirmed + 1)
    this.high = high
    this.#refusedMs = nowMs
    this.#start = undefined
  }

  /** Refused, and not for this: it is no time to try for more. */
  stands(nowMs: number): void {
    if (this.#start === undefined && this.isBounded) this.#refusedMs = nowMs
  }

  /** For so long nobody asked for more, or will. */
  pause(ms: number): void {
    if (this.isBounded) this.#refusedMs += ms
  }

  /** Somewhere in [low, high]: begins at their geometric mean and doubles until the next refusal measures it. */
  search(nowMs: number, low: number, high: number, doublingMs: number = tuned.searchDoublingMs): void {
    this.high = high
    this.#doublingMs = doublingMs
    this.#refusedMs = nowMs
    this.#confirmed = 0
    this.#start = high > low * tuned.changed ? Math.sqrt(low * high) : undefined
  }

  /** What it was learned from is doubted: it may be far more. */
  seek(nowMs: number): void {
    this.search(nowMs, this.at(nowMs), this.high * tuned.mostSought)
  }

  /** Nothing is known any more. */
  reset(): void {
    this.low = 0
    this.high = Infinity
    this.#start = undefined
  }
}
