const slots = 600

/**
 * At most `limit` in any `windowMs`, as a log in 600 slots: what was taken counts until a whole window after the *end* of
 * its slot (and `marginMs` more, for calls that reach the vendor later than they left). So it never admits more than the
 * exact log would, and is at most 1/600 of a window slower. Safe for a fixed window of unknown alignment as well.
 *
 * @example
 * ```ts
 * const window = new SlidingWindow({ limit: 2, windowMs: 60_000, marginMs: 0 })
 * window.take(0, 2)
 * window.msUntil(1000, 1) // => 59100
 * ```
 */
export class SlidingWindow {
  #limit: number
  readonly #slotMs: number
  readonly #lifeMs: number
  readonly #amounts = new Float64Array(slots + 2)
  readonly #ring: number
  /** Slots are numbered from here: what is counted never began before. */
  readonly #baseMs: number
  #used = 0
  /** Number of the newest slot looked at, and of the oldest that still counts. */
  #newest = 0
  #oldest = 0

  constructor(options: {
    readonly limit: number
    readonly windowMs: number
    readonly marginMs: number
    readonly nowMs?: number
  }) {
    this.#limit = options.limit
    this.#slotMs = (options.windowMs + options.marginMs) / slots
    this.#lifeMs = options.windowMs + options.marginMs
    this.#ring = this.#amounts.length
    this.#baseMs = options.nowMs ?? 0
  }

  level(nowMs: number): number {
    this.#advance(nowMs)
    return this.#limit - this.#used
  }

  msUntil(nowMs: number, amount: number): number {
    const missing = Math.min(amount, this.#limit) - this.level(nowMs)
    if (missing <= 1e-6) return 0
    let freed = 0
    for (let slot = this.#oldest; slot <= this.#newest; slot++) {
      freed += this.#amounts[slot % this.#ring]!
      if (freed >= missing - 1e-6) return Math.max(0.001, this.#expiresMs(slot) - nowMs)
    }
    return this.#lifeMs
  }

  take(nowMs: number, amount: number): void {
    this.#advance(nowMs)
    this.#amounts[this.#newest % this.#ring]! += amount
    this.#used += amount
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    this.#advance(nowMs)
    const slot = Math.floor((takenMs - this.#baseMs) / this.#slotMs)
    // What has left the window needs no refund; what was used beyond the estimate counts from when it was taken.
    if (slot < this.#oldest) return
    const index = Math.min(slot, this.#newest) % this.#ring
    this.#amounts[index]! -= amount
    this.#used -= amount
  }

  /** Makes the level what the vendor says, by adding or removing use in the newest slots. */
  setLevel(nowMs: number, level: number): void {
    let extra = this.level(nowMs) - level
    if (extra > 0) return this.take(nowMs, extra)
    for (let slot = this.#newest; slot >= this.#oldest && extra < 0; slot--) {
      const index = slot % this.#ring
      const back = Math.min(this.#amounts[index]!, -extra)
      this.#amounts[index]! -= back
      this.#used -= back
      extra += back
    }
  }

  retune(limit: number): void {
    this.#limit = limit
  }

  #expiresMs(slot: number): number {
    return this.#baseMs + (slot + 1) * this.#slotMs + this.#lifeMs
  }

  #advance(nowMs: number): void {
    const current = Math.max(this.#newest, Math.floor((nowMs - this.#baseMs) / this.#slotMs))
    while (this.#oldest <= this.#newest && this.#expiresMs(this.#oldest) <= nowMs) {
      const index = this.#oldest % this.#ring
      this.#used -= this.#amounts[index]!
      this.#amounts[index] = 0
      this.#oldest++
    }
    if (this.#oldest > this.#newest) {
      this.#oldest = current
      this.#used = 0
    }
    this.#newest = current
  }
}
