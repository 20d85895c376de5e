import type { Clock } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"

/** By then most refusals are there; a slow answer must not hold up the run. */
const patienceMs = 2_000

/** Lets the first call go alone for a moment: what would refuse every call, such as a misspelt model, costs one. */
export class FirstCall {
  readonly #clock: Clock
  #isFirst = true
  #opened: Promise<void> | undefined
  #open: (() => void) | undefined

  constructor(clock: Clock, isNeeded: boolean) {
    this.#clock = clock
    this.#isFirst = isNeeded
  }

  /** Resolves at once for the first; for others when its end is known, after two seconds, or when `signal` is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#isFirst) {
      this.#isFirst = false
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = this.#clock.setTimer(patienceMs, () => this.open())
      this.#opened = promise
      const forget = onAbort(signal, () => this.open())
      this.#open = () => {
        cancel()
        forget()
        resolve()
      }
      return
    }
    await this.#opened
  }

  /** The first call has ended. */
  open(): void {
    this.#open?.()
    this.#open = undefined
    this.#opened = undefined
  }
}
