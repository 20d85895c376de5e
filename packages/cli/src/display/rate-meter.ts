/**
 * A rate per minute over the recent past, in memory that does not grow.
 *
 * Counts land in one-second slots; a reading covers the last `windowMs` of them, or less at the beginning.
 */
export class RateMeter {
  readonly #slots: Float64Array
  readonly #slotMs = 1_000
  readonly #startMs: number
  #latestSlot = 0

  constructor(windowMs: number, startMs: number) {
    this.#startMs = startMs
    this.#slots = new Float64Array(Math.max(1, Math.ceil(windowMs / this.#slotMs)))
  }

  add(nowMs: number, count: number): void {
    const slot = this.#advance(nowMs)
    this.#slots[slot % this.#slots.length]! += count
  }

  /** What was counted in the window, as it is. */
  counted(nowMs: number): number {
    this.#advance(nowMs)
    return this.#slots.reduce((sum, count) => sum + count, 0)
  }

  /** `leastMs`: of no less time, also at the beginning; the first call of a second would read as thousands. */
  perMinute(nowMs: number, leastMs: number = this.#slotMs): number {
    const slot = this.#advance(nowMs)
    const firstSlot = Math.max(0, slot - this.#slots.length + 1)
    // The running slot counts for the part of it that has passed.
    const coveredMs = Math.max(leastMs, nowMs - this.#startMs - firstSlot * this.#slotMs)
    return (this.#slots.reduce((sum, count) => sum + count, 0) * 60_000) / coveredMs
  }

  #advance(nowMs: number): number {
    const slot = Math.max(this.#latestSlot, Math.floor((nowMs - this.#startMs) / this.#slotMs))
    const stale = Math.min(this.#slots.length, slot - this.#latestSlot)
    for (let offset = 0; offset < stale; offset++) this.#slots[(slot - offset) % this.#slots.length] = 0
    this.#latestSlot = slot
    return slot
  }
}
