import { waitInLine } from "../http/wait-in-line.ts"

/** Holds back calls that have not been sent; those that are with the vendor go on. */
export class Pause {
  #isOn = false
  readonly #waiting = new Set<() => void>()

  get isOn(): boolean {
    return this.#isOn
  }

  begin(): void {
    this.#isOn = true
  }

  end(): void {
    this.#isOn = false
    for (const go of this.#waiting) go()
  }

  /** Resolves when calls may be sent; rejects with the reason when `signal` is aborted first. */
  async over(signal: AbortSignal): Promise<void> {
    while (this.#isOn) await waitInLine(this.#waiting, signal)
    signal.throwIfAborted()
  }
}
