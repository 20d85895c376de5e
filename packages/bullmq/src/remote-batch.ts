import type { ItemPlace, Outcome } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"
import type { JobGroups } from "./job-groups.ts"
import type { Jobs, SentBatch } from "./jobs.ts"
import { printOf } from "./redis/queue-name.ts"
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
  readonly #unsettled = new Map<number, string | string[]>()
  /** Items of one map have one signal. */
  #size = 0
  readonly #bySignal = new Map<AbortSignal, { readonly items: Set<SentItem>; readonly stay: () => void }>()

  constructor(batch: SentBatch, groups: JobGroups, jobs: Jobs, lost: AbortSignal, ended: () => void) {
    this.#batch = batch
    this.#groups = groups
    this.#jobs = jobs
    this.lost = lost
    this.#ended = ended
  }

  async run(item: unknown, index: number, signal: AbortSignal): Promise<Outcome<unknown>> {
    const outcome = await this.send(item, index, signal)
    const { attempts } = outcome
    if (outcome.status === "ok") return { status: "ok", index, value: outcome.value, attempts }
    return { status: "failed", index, error: errorFromWire(outcome.error), attempts }
  }

  /** `run` with the outcome as it came. One promise an item: a window of them is in memory at a time. */
  send(item: unknown, index: number, signal: AbortSignal): Promise<WireOutcome> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const { text, bytes } = checkPayload(`Item ${index} of "${this.#batch.data.path}"`, item)
      const sent = new SentItem(this, item, index, printOf(text), bytes, signal, resolve, reject)
      this.#follow(sent)
      this.#size++
      if (!this.#jobs.join(this.#batch, sent)) this.#groups.add(sent)
    })
  }

  /** The item has come back: as the outcome of a job, or without one. */
  came(sent: SentItem, job?: string, outcome?: WireOutcome): void {
    const { index, signal } = sent
    const together = this.#bySignal.get(signal)
    // It may come back again: as the outcome of a job that nobody waits for any more.
    if (together?.items.delete(sent)) this.#size--
    if (together?.items.size === 0) {
      together.stay()
      this.#bySignal.delete(signal)
    }
    if (job === undefined) return
    const jobs = this.#unsettled.get(index)
    this.#unsettled.set(index, jobs === undefined ? job : [jobs, job].flat())
    this.#groups.took(outcome!.ms)
  }

  settled(index: number): void {
    const jobs = this.#unsettled.get(index)
    if (jobs === undefined) return
    this.#unsettled.delete(index)
    if (typeof jobs === "string") this.#jobs.settled(jobs, this.#batch)
    else for (const job of jobs) this.#jobs.settled(job, this.#batch)
  }

  /** Items that are not back. */
  get size(): number {
    return this.#size
  }

  /** Takes back what is not with a job yet. */
  withdraw(reason: unknown): void {
    for (const sent of this.#groups.withdraw()) sent.reject(reason)
  }

  async end(isWhole: boolean): Promise<void> {
    this.#ended()
    this.withdraw(ended)
    await this.#jobs.end(this.#batch, ended, isWhole)
  }

  #follow(sent: SentItem): void {
    const { signal } = sent
    let together = this.#bySignal.get(signal)
    if (!together) {
      const items = new Set<SentItem>()
      const stay = onAbort(signal, () => {
        for (const each of items) each.reject(signal.reason)
      })
      together = { items, stay }
      this.#bySignal.set(signal, together)
    }
    together.items.add(sent)
  }
}

/** An item on its way, and who waits for it: an object instead of functions of its own. */
class SentItem implements Sent {
  readonly item: unknown
  readonly index: number
  readonly print: string
  readonly bytes: number
  readonly signal: AbortSignal
  readonly #batch: RemoteBatch
  readonly #resolve: (outcome: WireOutcome) => void
  readonly #reject: (error: unknown) => void

  constructor(
    batch: RemoteBatch,
    item: unknown,
    index: number,
    print: string,
    bytes: number,
    signal: AbortSignal,
    resolve: (outcome: WireOutcome) => void,
    reject: (error: unknown) => void,
  ) {
    this.#batch = batch
    this.item = item
    this.index = index
    this.print = print
    this.bytes = bytes
    this.signal = signal
    this.#resolve = resolve
    this.#reject = reject
  }

  resolve(outcome: WireOutcome, job: string): void {
    this.#batch.came(this, job, outcome)
    this.#resolve(outcome)
  }

  reject(error: unknown): void {
    this.#batch.came(this)
    this.#reject(error)
  }
}
