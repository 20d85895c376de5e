import type { Clock } from "@sluice/core"
import { waitInLine } from "../http/wait-in-line.ts"

/** A call costs an SDK a millisecond or two to send: so many keep the event loop from its sockets for a few tens of milliseconds. */
const mostPerTurn = 16

/**
 * Lets a few calls a turn of the event loop through, in order. A thousand that start at once would otherwise be admitted first and reach
 * the vendor seconds later, when its count and ours have drifted apart, while its first refusals lie unread.
 */
export class SendTurns {
  readonly #clock: Clock
  #taken = 0
  readonly #waiting = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Nothing while this turn has room; otherwise a wait of as many turns as are full, a millisecond or two each, and far more of a
   * process that gets little of its processor. An abort ends it at once.
   */
  take(signal?: AbortSignal): Promise<void> | undefined {
    if (this.#taken === mostPerTurn) return waitInLine(this.#waiting, signal)
    if (this.#taken++ === 0) this.#clock.setTimer(0, this.#next)
    return undefined
  }

  readonly #next = (): void => {
    this.#taken = 0
    for (const go of this.#waiting) {
      if (this.#taken++ === 0) this.#clock.setTimer(0, this.#next)
      go()
      if (this.#taken === mostPerTurn) break
    }
  }
}
