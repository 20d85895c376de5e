import type { Clock } from "@sluice/core"

/** Of a longer wait this much is slept, and looked again: a learned rate may grow meanwhile, and the turn come sooner than it seemed. */
const lookEveryMs = 1_000

/** One timer, set anew as often as the moment that it waits for moves. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #cancel: (() => void) | undefined
  #atMs = Infinity

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings at `wakeMs`, or sooner, for another look; never, where that is `Infinity`. What was set before counts no more. */
  set(nowMs: number, wakeMs: number): void {
    const isLong = wakeMs < Infinity && wakeMs - nowMs > lookEveryMs
    const atMs = isLong ? nowMs + lookEveryMs : wakeMs
    // A look that is soon is good for what comes later too.
    if (atMs === this.#atMs || (isLong && this.#atMs < atMs && this.#atMs > nowMs)) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#atMs = atMs
    if (atMs === Infinity) return
    this.#cancel = this.#clock.setTimer(atMs - nowMs, () => {
      this.#cancel = undefined
      this.#atMs = Infinity
      this.#ring()
    })
  }
}
