/**
 * At most `limit` between two resets: a day's quota, or a minute whose start is known.
 * What is taken counts until the next reset; a refund counts only in the window it was taken in.
 *
 * @example
 * ```ts
 * const day = new FixedWindow({ limit: 1000, windowMs: 86_400_000, resetAtMs: 3_600_000 })
 * day.take(0, 1000)
 * day.msUntil(0, 1) // => 3600000
 * ```
 */
export class FixedWindow {
  #limit: number
  readonly #windowMs: number
  readonly #marginMs: number
  #resetAtMs: number
  #used = 0
  /** Taken after the reset and before the margin had passed: the vendor counts it in either window. */
  #early = 0

  constructor(options: {
    readonly limit: number
    readonly windowMs: number
    readonly resetAtMs: number
    readonly marginMs?: number
    readonly nowMs?: number
  }) {
    this.#limit = options.limit
    this.#windowMs = options.windowMs
    this.#marginMs = options.marginMs ?? 0
    const passed = Math.max(0, Math.floor(((options.nowMs ?? 0) - options.resetAtMs) / options.windowMs) + 1)
    this.#resetAtMs = options.resetAtMs + passed * options.windowMs
  }

  level(nowMs: number): number {
    if (nowMs >= this.#resetAtMs + this.#marginMs) {
      const passed = Math.floor((nowMs - this.#resetAtMs) / this.#windowMs) + 1
      this.#resetAtMs += passed * this.#windowMs
      this.#used = passed === 1 ? this.#early : 0
      this.#early = 0
    }
    return this.#limit - this.#used
  }

  msUntil(nowMs: number, amount: number): number {
    if (Math.min(amount, this.#limit) <= this.level(nowMs) + 1e-6) return 0
    return this.#resetAtMs + this.#marginMs - nowMs
  }

  take(nowMs: number, amount: number): void {
    this.level(nowMs)
    this.#used += amount
    if (nowMs >= this.#resetAtMs) this.#early += amount
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    this.level(nowMs)
    if (takenMs >= this.#resetAtMs - this.#windowMs) this.#used -= amount
  }

  setLevel(nowMs: number, level: number): void {
    this.level(nowMs)
    this.#used = this.#limit - level
  }

  /** The vendor said when the window ends; it said so between these two, for it spoke between our sending and hearing. */
  hearReset(earliestMs: number, latestMs: number): void {
    if (this.#resetAtMs < earliestMs) this.#resetAtMs = earliestMs
    else if (this.#resetAtMs > latestMs) this.#resetAtMs = latestMs
  }

  retune(limit: number): void {
    this.#limit = limit
  }
}
