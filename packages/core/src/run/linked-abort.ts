/** An AbortController that is aborted with its parent, until it is unlinked. */
export class LinkedAbort {
  readonly #own = new AbortController()
  readonly #parent: AbortSignal
  readonly #follow = (): void => this.#own.abort(this.#parent.reason)

  constructor(parent: AbortSignal) {
    this.#parent = parent
    if (parent.aborted) this.#follow()
    else parent.addEventListener("abort", this.#follow, { once: true })
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  abort(reason: unknown): void {
    this.#own.abort(reason)
  }

  unlink(): void {
    this.#parent.removeEventListener("abort", this.#follow)
  }
}
