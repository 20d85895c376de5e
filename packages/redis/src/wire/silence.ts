/** A server that has not answered for so long, or with errors alone, is looked for on new connections. */
export const longSilenceMs = 10_000

/**
 * For how long nobody has answered a process that listened. What came while it stood still itself (SIGSTOP, a machine that slept), or
 * wanted nothing, is let in before the other side is called silent: such a pause begins the count anew.
 */
export class Silence {
  readonly #pauseMs: number
  #answeredMs: number
  #lookedMs: number
  #listensSinceMs: number

  /** Looks follow each other within a third of a lease, as long as anything is wanted; more than half of one is a pause. */
  constructor(nowMs: number, leaseMs: number) {
    this.#pauseMs = leaseMs / 2
    this.#answeredMs = this.#lookedMs = this.#listensSinceMs = nowMs
  }

  /** The last answer was to a turn that left then. */
  get answeredMs(): number {
    return this.#answeredMs
  }

  answered(sentMs: number): void {
    this.#answeredMs = sentMs
  }

  /** How long it is by now. */
  look(nowMs: number): number {
    if (nowMs - this.#lookedMs > this.#pauseMs) this.#listensSinceMs = nowMs
    this.#lookedMs = nowMs
    return nowMs - Math.max(this.#answeredMs, this.#listensSinceMs)
  }
}
