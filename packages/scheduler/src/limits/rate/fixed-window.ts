/**
 * At most `limit` between two resets: a day's quota, or a minute whose start is known. What is taken counts until the next reset; a
 * refund counts only in the window it was taken in. Reading changes nothing.
 *
 * @example
 * ```ts
 * const day = new FixedWindow({ windowMs: 86_400_000, resetAtMs: 3_600_000 })
 * day.take(0, 1000)
 * day.used(0) // => 1000
 * day.msUntilReset(0) // => 3600000
 * ```
 */
export class FixedWindow {
  readonly #windowMs: number
  readonly #marginMs: number
  #resetAtMs: number
  #used: number
  /** Taken after the reset and before the margin had passed: the vendor counts it in either window. */
  #early = 0

  constructor(options: {
    readonly windowMs: number
    readonly resetAtMs: number
    readonly marginMs?: number
    readonly nowMs?: number
    readonly used?: number
  }) {
    this.#windowMs = options.windowMs
    this.#marginMs = options.marginMs ?? 0
    this.#used = options.used ?? 0
    const passed = Math.max(0, Math.floor(((options.nowMs ?? 0) - options.resetAtMs) / options.windowMs) + 1)
    this.#resetAtMs = options.resetAtMs + passed * options.windowMs
  }

  used(nowMs: number): number {
    const resets = this.#resets(nowMs)
    if (resets === 0) return this.#used
    return resets === 1 ? this.#early : 0
  }

  msUntilReset(nowMs: number): number {
    return this.#resetAtMs + this.#resets(nowMs) * this.#windowMs + this.#marginMs - nowMs
  }

  /** Whether it began anew between these two. */
  wasReset(nowMs: number, sinceMs: number): boolean {
    return sinceMs < this.#resetAtMs + (this.#resets(nowMs) - 1) * this.#windowMs + this.#marginMs
  }

  take(nowMs: number, amount: number): void {
    this.#turn(nowMs)
    this.#used += amount
    if (nowMs >= this.#resetAtMs) this.#early += amount
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    this.#turn(nowMs)
    if (takenMs >= this.#resetAtMs - this.#windowMs) this.#used -= amount
  }

  setUsed(nowMs: number, used: number): void {
    this.#turn(nowMs)
    this.#used = used
  }

  /**
   * The vendor said when the window ends; it said so between these two, for it spoke between our sending and hearing. Where that took
   * long, it may have been another window than the one that is counted now: all have the same length.
   */
  hearReset(earliestMs: number, latestMs: number): void {
    const windows = Math.round((this.#resetAtMs - (earliestMs + latestMs) / 2) / this.#windowMs)
    const shiftMs = windows * this.#windowMs
    this.#resetAtMs = Math.max(earliestMs + shiftMs, Math.min(latestMs + shiftMs, this.#resetAtMs))
  }

  /** Resets that have passed, with their margin, since the one that is due. */
  #resets(nowMs: number): number {
    if (nowMs < this.#resetAtMs + this.#marginMs) return 0
    return Math.floor((nowMs - this.#resetAtMs) / this.#windowMs) + 1
  }

  #turn(nowMs: number): void {
    const resets = this.#resets(nowMs)
    if (resets === 0) return
    this.#used = resets === 1 ? this.#early : 0
    this.#early = 0
    this.#resetAtMs += resets * this.#windowMs
  }
}
