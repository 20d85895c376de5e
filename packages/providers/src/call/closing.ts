import { SluiceError } from "@sluice/core"

/** Ends the waits of every call of one `limitedFetch`, and no call that is in flight. */
export class Closing {
  // Made at the first wait: in a Worker there are no signals before the first request.
  #controller: AbortController | undefined
  #isClosed = false

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#isClosed) this.#controller.abort(closedError())
    return this.#controller.signal
  }

  /** The caller's signal and this one: of a wait, never of an attempt. */
  either(signal: AbortSignal | null | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.signal]) : this.signal
  }

  close(): void {
    this.#isClosed = true
    this.#controller?.abort(closedError())
  }
}

function closedError(): SluiceError {
  return new SluiceError("limiter-closed", "limitedFetch is closed. Make a new one.")
}
