import type { Clock } from "@sluice/core"

/** A limiter's view of the clock: what it has set and not taken back is counted. */
export class CountingClock implements Clock {
  pending = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  wallNow(): number {
    return this.#clock.wallNow()
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    // A timer that never fires wakes nobody.
    if (delayMs === Infinity) return this.#clock.setTimer(delayMs, fn)
    this.pending++
    let isSet = true
    const gone = (): void => {
      if (isSet) this.pending--
      isSet = false
    }
    const cancel = this.#clock.setTimer(delayMs, () => {
      gone()
      fn()
    })
    return () => {
      gone()
      cancel()
    }
  }
}
