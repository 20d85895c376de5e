import { Estimate } from "./rate/estimate.ts"
import { RateLimit } from "./rate/rate-limit.ts"
import { TakenLog } from "./rate/taken-log.ts"
import * as tuned from "./tuned.ts"

const windowMs = 10_000
/** The minute before the window, and the window. */
const spanMs = 7 * windowMs

/**
 * A vendor that limits growth, whatever the quota: ten seconds may bring so many times what ten seconds of the minute before brought on
 * average, or as much as it takes from anybody. Both numbers are found as it refuses. Nobody tells them, nor over which spans it counts.
 *
 * @example
 * ```ts
 * const growth = new GrowthLimit(0, 20, 1)
 * growth.msUntil(5_000, 1, false) > 0 // => true
 * growth.level(11_000) // => 20
 * ```
 */
export class GrowthLimit extends RateLimit {
  override readonly isGrowth = true
  readonly #history: TakenLog
  /** How many times as much. What nothing contradicts is doubted sooner than what was measured, which is a rule of the vendor's. */
  readonly #factor: Estimate = new Estimate()
  /** What the window may bring, however little came before. */
  #free: number

  /** Refused for the first time: so much was admitted in so long. */
  constructor(nowMs: number, admitted: number, elapsedMs: number) {
    super({ name: "growth", dimension: "requests", windowMs, nowMs, jitterMs: 0, kind: "sliding" })
    this.#history = new TakenLog({ windowMs: spanMs / 2, marginMs: 0, nowMs: nowMs - spanMs })
    for (let ms = Math.min(elapsedMs, spanMs); ms > 0; ms -= 1_000)
      this.#history.take(nowMs - ms, (admitted / elapsedMs) * Math.min(ms, 1_000))
    this.#free = Math.max(1, (admitted * windowMs) / Math.max(windowMs, elapsedMs))
    this.#factor.refused(nowMs, tuned.growth)
    this.window.take(nowMs, this.#free)
  }

  override fullPerMs(nowMs: number): number {
    return Math.max(this.#free, this.#factor.at(nowMs) * this.#before(nowMs)) / windowMs
  }

  override take(nowMs: number, amount: number): number {
    const own = super.take(nowMs, amount)
    this.#history.take(nowMs, amount)
    return own
  }

  override give(nowMs: number, amount: number, takenMs: number): void {
    super.give(nowMs, amount, takenMs)
    this.#history.give(nowMs, amount, takenMs)
  }

  /** A vendor that refuses for growth has counted nothing, whatever it charges elsewhere. */
  override notAdmitted(amount: number, takenMs: number): void {
    super.notAdmitted(amount, takenMs)
    this.window.give(takenMs, amount, takenMs)
    this.#history.give(takenMs, amount, takenMs)
  }

  /** Refused again: the window had brought all that it may. */
  override refused(nowMs: number): void {
    const before = this.#before(nowMs)
    const brought = this.log.since(nowMs - windowMs)
    if (this.#factor.at(nowMs) * before > this.#free) {
      this.#factor.refused(nowMs, ((brought + 1) / before) * tuned.margin, windowMs)
      return
    }
    this.#factor.stands(nowMs)
    this.#free = Math.max(1, Math.min(this.#free, brought))
  }

  /** And so was one of those that had left by then: the window had brought less. */
  refusedToo(nowMs: number): void {
    const before = this.#before(nowMs)
    if (this.#factor.at(nowMs) * before > this.#free) this.#factor.high -= 1 / before
    else this.#free = Math.max(1, this.#free - 1)
  }

  /** What ten seconds of the minute before the last ten brought on average. */
  #before(nowMs: number): number {
    const fromMs = nowMs - windowMs
    return ((this.#history.since(nowMs - spanMs) - this.#history.since(fromMs)) * windowMs) / (spanMs - windowMs)
  }
}
