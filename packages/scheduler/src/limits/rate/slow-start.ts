import * as tuned from "../tuned.ts"

/**
 * The depth of a limit whose depth nobody vouched for: since our own backlog was last empty it may reach what is known to pass, or a
 * small first burst, times 2 every 250 ms. A lone caller never feels it.
 *
 * @example
 * ```ts
 * const start = new SlowStart()
 * start.took(0, 10, 1)
 * start.msUntil(0, 20, 0.01, 600) // => 250
 * ```
 */
export class SlowStart {
  /** What a call takes on average. */
  #typical = 0
  #busyMs = -Infinity
  #peak = 0
  #peakMs = 0
  /** A backlog of our own that was not refused. */
  passed = 0

  /** Milliseconds until our own backlog may reach `backlog`. */
  msUntil(nowMs: number, backlog: number, perMs: number, limit: number): number {
    if (this.#busyMs === -Infinity) return 0
    const steps = Math.log2(backlog / this.#base(perMs))
    if (steps <= 0) return 0
    // Where a herd would be found too late it goes on slower.
    const slow = Math.min(steps, Math.max(0, Math.log2(backlog / (tuned.firstWave * limit))))
    return Math.max(0, this.#busyMs + (steps + slow * (tuned.laterSteps - 1)) * tuned.rampStepMs - nowMs)
  }

  /** A call of `amount` left, and made our own backlog this large. */
  took(nowMs: number, backlog: number, amount: number): void {
    const typical = this.#typical
    const peak = this.#peak
    if (backlog <= amount || this.#busyMs === -Infinity) this.#busyMs = nowMs
    this.#typical = typical === 0 ? amount : typical + (amount - typical) * 0.05
    // A refusal would have been back by then.
    if (peak > this.passed && nowMs - this.#peakMs > tuned.rampStepMs) this.passed = peak
    if (backlog <= peak) return
    this.#peak = backlog
    this.#peakMs = nowMs
  }

  refused(): void {
    this.#peak = this.passed
  }

  #base(perMs: number): number {
    const typical = Math.max(this.#typical, 1e-9)
    return Math.max(this.passed, 2 * typical, Math.min(tuned.rampBase * typical, perMs * 1_000))
  }
}
