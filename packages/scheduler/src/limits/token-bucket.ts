/**
 * A token bucket: refills continuously at `limit / windowMs`, holds at most `burst`.
 *
 * Over any span `t` it lets through at most `burst + t × limit / windowMs`. It may go into debt: then nothing
 * fits until the debt has been refilled. An amount above `burst` fits when the bucket is full, and leaves a debt.
 * A clock that steps back adds nothing and takes nothing.
 *
 * Source: Turner 1986 (leaky bucket as a meter); ITU-T I.371 (GCRA, the same arithmetic).
 *
 * @example
 * ```ts
 * const bucket = new TokenBucket({ limit: 60, windowMs: 60_000, burst: 2 })
 * bucket.take(0, 2)
 * bucket.msUntil(0, 1) // => 1000
 * ```
 */
export class TokenBucket {
  #ratePerMs: number
  #burst: number
  #level: number
  #atMs: number
  #spilled = 0

  constructor(options: {
    readonly limit: number
    readonly windowMs: number
    readonly burst: number
    readonly nowMs?: number
  }) {
    this.#ratePerMs = options.limit / options.windowMs
    this.#burst = options.burst
    this.#level = options.burst
    this.#atMs = options.nowMs ?? 0
  }

  get burst(): number {
    return this.#burst
  }

  get ratePerMs(): number {
    return this.#ratePerMs
  }

  level(nowMs: number): number {
    if (nowMs > this.#atMs) {
      const level = this.#level + (nowMs - this.#atMs) * this.#ratePerMs
      this.#level = Math.min(this.#burst, level)
      this.#spilled += level - this.#level
      this.#atMs = nowMs
    }
    return this.#level
  }

  /** What flowed in while it was full: granted, and used by nobody. */
  spilled(nowMs: number): number {
    this.level(nowMs)
    return this.#spilled
  }

  msUntil(nowMs: number, amount: number): number {
    const missing = Math.min(amount, this.#burst) - this.level(nowMs)
    // A millionth of a token is rounding, not a reason to wait.
    return missing <= 1e-6 ? 0 : missing / this.#ratePerMs
  }

  take(nowMs: number, amount: number): void {
    this.#level = this.level(nowMs) - amount
  }

  give(nowMs: number, amount: number): void {
    this.#level = Math.min(this.#burst, this.level(nowMs) + amount)
  }

  setLevel(nowMs: number, level: number): void {
    this.level(nowMs)
    this.#level = Math.min(this.#burst, level)
  }

  /** A new rate or burst from now on; the level stays, within the new burst. */
  retune(nowMs: number, ratePerMs: number, burst: number): void {
    const level = this.level(nowMs)
    this.#ratePerMs = ratePerMs
    this.#burst = burst
    this.#level = Math.min(burst, level)
  }
}
