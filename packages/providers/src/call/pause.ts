import { onAbort } from "@sluice/scheduler"

/** Holds back calls that have not been sent; those that are with the vendor go on. */
export class Pause {
  #opened: Promise<void> | undefined
  #open: (() => void) | undefined

  get isOn(): boolean {
    return this.#opened !== undefined
  }

  begin(): void {
    this.#opened ??= new Promise((resolve) => (this.#open = resolve))
  }

  end(): void {
    this.#open?.()
    this.#opened = this.#open = undefined
  }

  /** Resolves when calls may be sent; rejects with the reason when `signal` is aborted first. */
  async over(signal: AbortSignal): Promise<void> {
    while (this.#opened) {
      signal.throwIfAborted()
      const { promise: aborted, resolve } = Promise.withResolvers<void>()
      const forget = onAbort(signal, resolve)
      await Promise.race([this.#opened, aborted])
      forget()
    }
    signal.throwIfAborted()
  }
}
