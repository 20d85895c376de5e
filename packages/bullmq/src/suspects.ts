import type { Clock } from "@sluice/core"
import type { Sent } from "./sent.ts"

/** Jobs that a worker's death ends are told of one after the other: so long are the others waited for. */
const othersMs = 1_000

/** An item whose workers were lost, and the job it was in last. */
interface Suspect {
  readonly sent: Sent
  readonly job: string
}

/**
 * Items whose workers died several times. Whoever was in the same workers died with the one that killed them, so each is tried with no other of
 * them at the same time; the one that is lost again is guilty, and the others are free.
 */
export class Suspects {
  readonly #clock: Clock
  readonly #send: (job: string, sent: Sent, isAlone: boolean) => void
  #waiting: Suspect[] = []
  #isTrying = false
  #isFreeing = false

  constructor(clock: Clock, send: (job: string, sent: Sent, isAlone: boolean) => void) {
    this.#clock = clock
    this.#send = send
  }

  add(job: string, items: Iterable<Sent>): void {
    for (const sent of items) this.#waiting.push({ sent, job })
    if (!this.#isTrying && !this.#isFreeing) this.#next()
  }

  /** The one that was tried has ended. */
  tried(isGuilty: boolean): void {
    this.#isTrying = false
    if (!isGuilty) return this.#next()
    this.#isFreeing = true
    this.#clock.setTimer(othersMs, () => {
      this.#isFreeing = false
      for (const { sent, job } of this.#waiting.splice(0)) this.#send(`${job}.${sent.index}`, sent, false)
    })
  }

  /** Takes back what is not tried yet. */
  withdraw(): readonly Sent[] {
    return this.#waiting.splice(0).map(({ sent }) => sent)
  }

  #next(): void {
    const suspect = this.#waiting.shift()
    if (!suspect) return
    this.#isTrying = true
    this.#send(`${suspect.job}.${suspect.sent.index}`, suspect.sent, true)
  }
}
