import { onAbort } from "../queue/on-abort.ts"
import type { OutcomeStream } from "./outcome-stream.ts"

type Out = Pick<OutcomeStream<never>, "drop" | "end">
type MapEnd = "failed" | "cancelled" | "left"

/** What stops a map before its source ends, and what is tidied up once its last item has ended. */
export class MapLife {
  readonly #abort = new AbortController()
  readonly #out: Out
  readonly #tidyUps: (() => unknown)[] = []
  #end: { readonly how: MapEnd; readonly reason: unknown } | undefined
  #isFinishing = false

  constructor(out: Out) {
    this.#out = out
  }

  /** What the items get: aborted as soon as the map stops. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isStopped(): boolean {
    return this.#end !== undefined
  }

  /** Done, in this order, when the last item has ended. */
  atEnd(tidyUp: () => unknown): void {
    this.#tidyUps.push(tidyUp)
  }

  /** Calls `onCancel` after an abort of `signal` has stopped the map, at once when it is aborted already. */
  follow(signal: AbortSignal | undefined, onCancel: () => void): void {
    if (!signal) return
    const cancel = (): void => {
      this.stop("cancelled", signal.reason)
      onCancel()
    }
    if (signal.aborted) cancel()
    else this.atEnd(onAbort(signal, cancel))
  }

  /** Only the first stop counts, and none after the end. */
  stop(how: MapEnd, reason: unknown): void {
    if (this.#end || this.#isFinishing) return
    this.#end = { how, reason }
    if (how === "cancelled") this.#out.drop()
    this.#abort.abort(reason)
  }

  async finish(): Promise<void> {
    if (this.#isFinishing) return
    this.#isFinishing = true
    let failure = this.#end && this.#end.how !== "left" ? { reason: this.#end.reason } : undefined
    for (const tidyUp of this.#tidyUps) {
      try {
        await tidyUp()
      } catch (reason) {
        failure ??= { reason }
      }
    }
    this.#out.end(failure)
  }
}
