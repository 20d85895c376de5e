import type { Clock } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"

/** A call costs an SDK a millisecond or two to send: so many keep the event loop from its sockets for a few tens of milliseconds. */
const mostPerTurn = 16

/**
 * Lets a few calls a turn of the event loop through, in order. A thousand that start at once would otherwise be admitted first and reach
 * the vendor seconds later, when its count and ours have drifted apart, while its first refusals lie unread.
 */
export class SendTurns {
  readonly #clock: Clock
  #taken = 0
  #waiting: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Nothing while this turn has room; otherwise a wait of as many turns as are full, a millisecond or two each, and far more of a
   * process that gets little of its processor: an abort ends it at once. Its place then passes unused.
   */
  take(signal?: AbortSignal): Promise<void> | undefined {
    if (this.#taken === mostPerTurn)
      return new Promise((resolve, reject) => {
        const forget = signal && onAbort(signal, () => reject(signal.reason))
        this.#waiting.push(() => {
          forget?.()
          resolve()
        })
      })
    if (this.#taken++ === 0) this.#clock.setTimer(0, this.#next)
    return undefined
  }

  readonly #next = (): void => {
    const next = this.#waiting.splice(0, mostPerTurn)
    this.#taken = next.length
    if (next.length > 0) this.#clock.setTimer(0, this.#next)
    for (const go of next) go()
  }
}
