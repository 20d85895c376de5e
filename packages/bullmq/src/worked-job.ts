import { currentScope, type TaskScope } from "@sluice/core"
import type { Job } from "bullmq"

/** Why an item was left: it goes to another worker, or stays open. */
export const left: Error = new Error(
  "The worker has left, the job is another's, or the run ends; the item had not begun or waited for its turn.",
)

/** Whether the job is first in the queue again. Where Redis does not take it, it is done here. */
export function returned(job: Job, token: string | undefined): Promise<boolean> {
  return job.moveToWait(token).then(
    () => true,
    () => false,
  )
}

interface WorkedItem {
  readonly scope: TaskScope
  readonly signal: AbortSignal
  readonly end: () => void
}

/** A job that a worker has taken. Items whose calls wait can be told to leave, and others are finished. */
export class WorkedJob {
  /** The batch that it is of. */
  readonly batch: string
  /** Items that are not done. */
  open: number
  /** It came with the end of another one, when there was no room for it any more: how large it is shows then. */
  readonly isTooMuch: boolean
  /** It is not this worker's any more. */
  lost: () => void = () => this.leaveWaiting()
  readonly #abort = new AbortController()
  readonly #looks = new Set<() => void>()
  #isLeaving = false

  constructor(batch: string, items: number, isTooMuch: boolean) {
    this.batch = batch
    this.open = items
    this.isTooMuch = isTooMuch
  }

  /** Aborted: nothing of it is wanted any more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** What has not begun is not begun. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  abort(reason: Error): void {
    this.#abort.abort(reason)
  }

  /** From now on no call waits for a quota, or for its next attempt. */
  leaveWaiting(): void {
    this.#isLeaving = true
    for (const look of this.#looks) look()
  }

  begin(site: string, signal: AbortSignal): WorkedItem {
    const leaving = new AbortController()
    const look = (): void => {
      const { waiting, resting = 0, holding } = scope
      if (this.#isLeaving && waiting + resting > 0 && holding === 0) leaving.abort(left)
    }
    const scope: TaskScope = {
      parent: currentScope(),
      site,
      waiting: 0,
      holding: 0,
      // Whoever counts is in the middle of it.
      onChange: () => {
        if (this.#isLeaving) queueMicrotask(look)
      },
    }
    this.#looks.add(look)
    return { scope, signal: AbortSignal.any([signal, leaving.signal]), end: () => this.#looks.delete(look) }
  }
}
