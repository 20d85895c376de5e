import type { ItemPlace, Outcome } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"
import type { JobGroups } from "./job-groups.ts"
import type { Jobs, SentBatch } from "./jobs.ts"
import type { Sent } from "./sent.ts"
import { checkPayload, errorFromWire, type WireOutcome } from "./wire-outcome.ts"

/** The items of one batch of one run, each sent by itself: for who has an order and a record of its own. */
export interface BullBatch {
  /** Aborted when another process has taken the run. */
  readonly lost: AbortSignal
  /**
   * Has a worker do the item. One that is queued, running or done since a process before this one is found by its index and what it is, and
   * not sent again. Rejects with `signal.reason`, with the reason of `withdraw`, or with `worker-lost`, `worker-error` or `payload-too-large`.
   */
  run(item: unknown, index: number, signal: AbortSignal): Promise<Outcome<unknown>>
  /** The outcomes of this index are on record elsewhere: Redis may forget them. */
  settled(index: number): void
  /** Ends it; `isWhole`: no outcome of it is wanted any more, by nobody. What workers are at is told to stop. */
  end(isWhole: boolean): Promise<void>
}

export interface BullBatchOptions {
  /** What `exec` finds in `params` besides those of the place, and may differ when the run is taken up again. */
  readonly also?: ItemPlace["params"]
}

const ended = new Error("The batch has ended.")

/** Sends items and waits for them. */
export class RemoteBatch implements BullBatch {
  readonly lost: AbortSignal
  readonly #batch: SentBatch
  readonly #groups: JobGroups
  readonly #jobs: Jobs
  readonly #ended: () => void
  /** Jobs whose outcomes are not on record yet, by index; another attempt is another job. */
  readonly #unsettled = new Map<number, string[]>()

  constructor(batch: SentBatch, groups: JobGroups, jobs: Jobs, lost: AbortSignal, ended: () => void) {
    this.#batch = batch
    this.#groups = groups
    this.#jobs = jobs
    this.lost = lost
    this.#ended = ended
  }

  async run(item: unknown, index: number, signal: AbortSignal): Promise<Outcome<unknown>> {
    signal.throwIfAborted()
    checkPayload(`Item ${index} of "${this.#batch.data.path}"`, item)
    const { outcome, job } = await this.#send(item, index, signal)
    const jobs = this.#unsettled.get(index)
    if (jobs) jobs.push(job)
    else this.#unsettled.set(index, [job])
    const { attempts, ms } = outcome
    this.#groups.took(ms)
    if (outcome.status === "ok") return { status: "ok", index, value: outcome.value, attempts }
    return { status: "failed", index, error: errorFromWire(outcome.error), attempts }
  }

  settled(index: number): void {
    const jobs = this.#unsettled.get(index)
    if (!jobs) return
    this.#unsettled.delete(index)
    for (const job of jobs) this.#jobs.settled(job, this.#batch)
  }

  /** Takes back what is not with a job yet. */
  withdraw(reason: unknown): void {
    for (const { reject } of this.#groups.withdraw()) reject(reason)
  }

  async end(isWhole: boolean): Promise<void> {
    this.#ended()
    this.withdraw(ended)
    await this.#jobs.end(this.#batch, ended, isWhole)
  }

  #send(
    item: unknown,
    index: number,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: WireOutcome; readonly job: string }> {
    return new Promise((resolve, reject) => {
      const stay = onAbort(signal, () => reject(signal.reason))
      const sent: Sent = {
        index,
        item,
        resolve: (outcome, job) => {
          stay()
          resolve({ outcome, job })
        },
        reject: (error) => {
          stay()
          reject(error)
        },
      }
      if (!this.#jobs.join(this.#batch, sent)) this.#groups.add(sent)
    })
  }
}
