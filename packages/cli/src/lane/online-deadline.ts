import { type Clock, type Lane, SluiceError } from "@sluice/core"
import { formatDuration } from "../display/quantities.ts"
import type { Interruption } from "../run/interruption.ts"

/** The end of a command whose calls go online: once it has passed, nothing more is asked, and what is in flight is finished. */
export class OnlineDeadline {
  readonly #ms: number
  readonly #cancel: () => void
  #hasPassed = false

  constructor(ms: number, { clock, interruption }: { readonly clock: Clock; readonly interruption: Interruption }) {
    this.#ms = ms
    this.#cancel = clock.setTimer(ms, () => {
      // Somebody has ended it already.
      if (interruption.drain.aborted) return
      this.#hasPassed = true
      interruption.finish()
    })
  }

  /** Why the command ended early; `undefined` where it was not for the deadline. */
  get reason(): SluiceError | undefined {
    if (!this.#hasPassed) return undefined
    return new SluiceError(
      "deadline-unreachable",
      `the ${formatDuration(this.#ms)} of --deadline have passed. What is open stays open.`,
    )
  }

  end(): void {
    this.#cancel()
  }
}

/** In the lanes of batches the deadline says when what is missing goes online; see `leftOf`. */
export function onlineDeadline(
  { lane, deadlineMs }: { readonly lane: Lane; readonly deadlineMs: number | undefined },
  ending: { readonly clock: Clock; readonly interruption: Interruption },
): OnlineDeadline | undefined {
  return lane === "online" && deadlineMs !== undefined ? new OnlineDeadline(deadlineMs, ending) : undefined
}
