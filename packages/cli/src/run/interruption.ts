/**
 * How a run is ended from outside. First nothing more is started and what is in flight is finished (`drain`); then what is in
 * flight is ended too (`abort`). Every item that is not settled by then stays open.
 */
export class Interruption {
  readonly #drain = new AbortController()
  readonly #abort = new AbortController()
  readonly #left = new Error("interrupted")

  /** Aborted: nothing more is started. */
  get drain(): AbortSignal {
    return this.#drain.signal
  }

  /** Aborted: what is in flight is ended too. */
  get abort(): AbortSignal {
    return this.#abort.signal
  }

  /** By somebody who wanted it to end, not by an error. */
  get wasLeft(): boolean {
    return this.#abort.signal.reason === this.#left
  }

  finish(): void {
    this.#drain.abort(this.#left)
  }

  leave(): void {
    this.#drain.abort(this.#left)
    this.#abort.abort(this.#left)
  }

  /** Nothing can go on: what is settled could not be kept. */
  fail(error: unknown): void {
    this.#drain.abort(error)
    this.#abort.abort(error)
  }
}
