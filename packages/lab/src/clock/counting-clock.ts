import type { Clock } from "@sluice/core"

/** A view of a clock that counts what was set through it and not taken back. */
export class CountingClock implements Clock {
  /** Called before each of its timers fires, while that one still counts: on a virtual clock all else has come to rest. */
  beforeTimer: (() => void) | undefined
  /** Called when one has fired. */
  afterTimer: (() => void) | undefined
  readonly #clock: Clock
  readonly #timers = new Set<{ readonly atMs: number }>()

  constructor(clock: Clock, beforeTimer?: () => void) {
    this.#clock = clock
    this.beforeTimer = beforeTimer
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Until the first of them is due; `Infinity` without one. */
  get nextInMs(): number {
    let firstMs = Infinity
    for (const { atMs } of this.#timers) firstMs = Math.min(firstMs, atMs)
    return firstMs - this.now()
  }

  now(): number {
    return this.#clock.now()
  }

  wallNow(): number {
    return this.#clock.wallNow()
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    // A timer that never fires wakes nobody.
    if (!Number.isFinite(delayMs)) return this.#clock.setTimer(delayMs, fn)
    const timer = { atMs: this.now() + Math.max(0, delayMs) }
    this.#timers.add(timer)
    const cancel = this.#clock.setTimer(delayMs, () => {
      this.beforeTimer?.()
      this.#timers.delete(timer)
      fn()
      this.afterTimer?.()
    })
    return () => {
      this.#timers.delete(timer)
      cancel()
    }
  }
}
