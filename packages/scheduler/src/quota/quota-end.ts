import type { Clock, SluiceError } from "@sluice/core"
import { checkOptions, flag } from "@sluice/core/internal"
import * as errors from "./errors.ts"

/** Why a quota admits nothing any more: it is being closed, or waiting does not help, for good or until a known moment. */
export class QuotaEnd {
  readonly #quota: string
  readonly #clock: Clock
  #fatal: SluiceError | undefined
  #fatalUntilMs = Infinity
  #closing: { readonly done: Promise<void>; readonly resolve: () => void } | undefined

  constructor(quota: string, clock: Clock) {
    this.#quota = quota
    this.#clock = clock
  }

  get isClosing(): boolean {
    return this.#closing !== undefined
  }

  /** Nothing is admitted until then. */
  set(error: SluiceError, untilMs: number): void {
    this.#fatal = error
    this.#fatalUntilMs = untilMs
  }

  /** The limits are others now. */
  forget(): void {
    this.#fatal = undefined
  }

  /** What a call is told now, if it is not admitted for that. */
  error(): SluiceError | undefined {
    if (this.#fatal && this.#clock.now() >= this.#fatalUntilMs) this.#fatal = undefined
    return this.#fatal ?? (this.#closing && errors.closed(this.#quota))
  }

  /** Begins to close. Resolves once nobody waits and no permit is held. */
  close(options: { readonly reject?: boolean }): Promise<void> {
    checkOptions<{ reject?: boolean }>("quota.close", options, { reject: flag })
    if (!this.#closing) {
      let resolve!: () => void
      const done = new Promise<void>((settle) => (resolve = settle))
      this.#closing = { done, resolve }
    }
    return this.#closing.done
  }

  /** Nobody waits, and no permit is held. */
  atRest(): void {
    this.#closing?.resolve()
  }
}
