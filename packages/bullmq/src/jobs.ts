import { type Clock, SluiceError } from "@sluice/core"
import type { Queue, QueueEvents } from "bullmq"
import { EarlierJobs } from "./earlier-jobs.ts"
import { keptOf } from "./kept-outcomes.ts"
import { OutgoingJobs } from "./outgoing-jobs.ts"
import { cancelledKey, withdrawnMark } from "./redis/queue-name.ts"
import type { RedisWatch } from "./redis/redis-watch.ts"
import type { Sent } from "./sent.ts"
import { Suspects } from "./suspects.ts"
import type { JobData, WireOutcome } from "./wire-outcome.ts"

interface OpenJob {
  readonly batch: SentBatch
  readonly items: Map<number, Sent>
  /** Is tried with no other suspect at the same time. */
  readonly isAlone: boolean
  /** Infinite until Redis has it. */
  lookedMs: number
  /** If Redis does not have it by now, it is not to get it. */
  isTakenBack: boolean
}

/** A batch whose items are sent, and what an earlier coordinator had sent of it. */
export interface SentBatch {
  readonly name: string
  readonly data: Omit<JobData, "items">
  readonly earlier: EarlierJobs
  readonly suspects: Suspects
}

/** Events may be lost: what is older than this is looked for. */
const sweepAfterMs = 2_000
const sweepEveryMs = 1_000
/** Workers ask each second whether somebody still waits. */
const cancelledMs = 60_000

/** The jobs whose outcomes are waited for. */
export class Jobs {
  readonly #queue: Queue
  readonly #clock: Clock
  readonly #redis: RedisWatch
  readonly #open = new Map<string, OpenJob>()
  /** Items of ended jobs that the journal does not have yet, by job. */
  readonly #unsettled = new Map<string, number>()
  readonly #outgoing: OutgoingJobs
  #cancelSweep: (() => void) | undefined
  #withdrawn: { readonly reason: unknown } | undefined
  #isClosed = false

  constructor(queue: Queue, events: QueueEvents, clock: Clock, redis: RedisWatch) {
    this.#queue = queue
    this.#clock = clock
    this.#redis = redis
    this.#outgoing = new OutgoingJobs(queue, clock, redis, {
      isWanted: (id) => this.#open.get(id)?.isTakenBack === false,
      added: (id) => {
        const job = this.#open.get(id)
        if (job) job.lookedMs = clock.now()
      },
      failed: (id, error) => this.#fail(id, error),
    })
    events.on("completed", ({ jobId, returnvalue }) => this.#ended(jobId, returnvalue as unknown, undefined))
    events.on("failed", ({ jobId, failedReason }) => this.#ended(jobId, undefined, failedReason))
  }

  /** Begins a batch, with what a coordinator before this one has left of it. */
  async begin(name: string, data: Omit<JobData, "items">): Promise<SentBatch> {
    const client = await this.#queue.getBackend().client
    await client.del(this.#queue.toKey(cancelledKey(name)))
    const earlier = await EarlierJobs.of(this.#queue, name, data.runId)
    const suspects = new Suspects(this.#clock, (id, sent, isAlone) => this.send(id, batch, [sent], isAlone))
    const batch: SentBatch = { name, data, earlier, suspects }
    for (const id of earlier.open)
      this.#open.set(id, { batch, items: new Map(), isAlone: false, lookedMs: -Infinity, isTakenBack: false })
    if (earlier.open.size > 0) this.#sweepSoon()
    return batch
  }

  /** Waits for the outcome of an item that is with a job already, queued, running or done; says whether there is one. */
  join({ earlier }: SentBatch, sent: Sent): boolean {
    const id = earlier.jobOf(sent.index, sent.print)
    if (id === undefined) return false
    const outcome = earlier.outcomesOf(id)?.get(sent.index)
    if (outcome) sent.resolve(outcome, id)
    else this.#open.get(id)?.items.set(sent.index, sent)
    return outcome !== undefined || this.#open.has(id)
  }

  /** Sends items as the job of this name. */
  send(id: string, batch: SentBatch, sent: readonly Sent[], isAlone = false): void {
    const entries = sent.map(({ index, item }) => (item === undefined ? ([index] as const) : ([index, item] as const)))
    const data: JobData = { ...batch.data, items: entries }
    const items = new Map(sent.map((each) => [each.index, each]))
    this.#open.set(id, { batch, items, isAlone, lookedMs: Infinity, isTakenBack: false })
    this.#outgoing.send({ id, data })
    this.#sweepSoon()
  }

  /** The run has the outcome of an item of this job: after the last one, the job goes. */
  settled(id: string, { earlier }: SentBatch): void {
    // Who knows which of its items are still to come: it goes with the batch.
    if (earlier.has(id)) return
    const left = (this.#unsettled.get(id) ?? 1) - 1
    if (left > 0) return void this.#unsettled.set(id, left)
    this.#unsettled.delete(id)
    this.#forget(id)
  }

  /**
   * The batch has ended, `whole` if the run has all of its outcomes. What is left of it is taken back, or told to stop; where Redis does not answer,
   * it stays for the next coordinator.
   */
  async end(batch: SentBatch, reason: unknown, whole: boolean): Promise<void> {
    const left: string[] = []
    for (const sent of batch.suspects.withdraw()) sent.reject(reason)
    for (const [id, job] of this.#open) {
      if (job.batch !== batch) continue
      this.#open.delete(id)
      left.push(id)
      for (const sent of job.items.values()) sent.reject(reason)
    }
    // Outcomes that the run does not have stay for the next coordinator.
    const done = whole ? [...batch.earlier.ids].filter((id) => !left.includes(id)) : []
    await this.#redis.unlessGone(this.#takeBack(batch, left, done))
  }

  async #takeBack(batch: SentBatch, left: readonly string[], done: readonly string[]): Promise<void> {
    const removed = await Promise.all([...left, ...done].map((id) => this.#remove(id).catch(() => 1)))
    if (removed.slice(0, left.length).includes(0)) await this.#tellWorkers(batch.name, "1")
  }

  /** Takes back what no worker has begun; its items reject with `reason`. */
  async withdraw(reason: unknown): Promise<void> {
    this.#withdrawn = { reason }
    const removing = [...this.#open].map(async ([id, job]) => {
      const { batch, items, isAlone } = job
      job.isTakenBack = true
      if ((await this.#remove(id).catch(() => 0)) === 0 || !this.#open.delete(id)) return
      if (isAlone) batch.suspects.tried(false)
      for (const sent of items.values()) sent.reject(reason)
    })
    await this.#redis.unlessGone(Promise.all(removing).then(() => this.#leaveWaiting().catch(() => {})))
  }

  /** Workers finish what is with a vendor, and leave what waits for its turn. */
  async #leaveWaiting(): Promise<void> {
    const names = new Set([...this.#open.values()].map(({ batch }) => batch.name))
    for (const name of names) await this.#tellWorkers(name, withdrawnMark)
  }

  async #tellWorkers(batch: string, mark: string): Promise<void> {
    const client = await this.#queue.getBackend().client
    await this.#redis.taken(() => client.set(this.#queue.toKey(cancelledKey(batch)), mark, { PX: cancelledMs }))
  }

  /** No longer waits for what workers are at; returns how many items that were. */
  leave(reason: unknown): number {
    let count = 0
    for (const [id, { items }] of this.#open) {
      this.#open.delete(id)
      count += items.size
      for (const sent of items.values()) sent.reject(reason)
    }
    return count
  }

  /** Items that are sent and not back; of those jobs alone, where they are named. */
  waiting(of?: ReadonlySet<string>): number {
    let count = 0
    for (const [id, { items }] of this.#open) if (of?.has(id) ?? true) count += items.size
    return count
  }

  get isWaiting(): boolean {
    return this.#open.size > 0
  }

  close(): void {
    this.#isClosed = true
    this.#cancelSweep?.()
  }

  #fail(id: string, error: unknown): void {
    const job = this.#open.get(id)
    this.#open.delete(id)
    if (job?.isAlone) job.batch.suspects.tried(false)
    for (const sent of job?.items.values() ?? []) sent.reject(error)
  }

  #ended(id: string, returned: unknown, why: string | undefined): void {
    const job = this.#open.get(id)
    if (!job) return
    this.#open.delete(id)
    const { batch } = job
    if (why !== undefined) {
      batch.earlier.ended(id, new Map())
      return this.#broken(id, job, why)
    }
    if (job.isAlone) batch.suspects.tried(false)
    const outcomes = (typeof returned === "string" ? JSON.parse(returned) : returned) as readonly WireOutcome[]
    const isEarlier = batch.earlier.has(id)
    if (isEarlier) batch.earlier.ended(id, new Map(outcomes.map((outcome) => [outcome.index, outcome])))
    const { items } = job
    let count = 0
    for (const outcome of outcomes) {
      const sent = items.get(outcome.index)
      // A source that has changed since never gets a foreign result; what this process sent is its own, whatever it says of itself by now.
      if (!sent || (isEarlier && sent.print !== outcome.print)) continue
      items.delete(outcome.index)
      count++
      sent.resolve(outcome, id)
    }
    if (count > 0) this.#unsettled.set(id, count)
    else this.settled(id, batch)
    if (this.#withdrawn) for (const sent of items.values()) sent.reject(this.#withdrawn.reason)
    else if (items.size > 0) this.send(`${id}+`, batch, [...items.values()])
  }

  /** The job ended without outcomes: workers died of it, or could not do it. */
  #broken(id: string, { batch, items, isAlone }: OpenJob, why: string): void {
    const { path } = batch.data
    this.#forget(id)
    const isLost = why.includes("stalled")
    if (isAlone) batch.suspects.tried(isLost)
    else if (isLost) return batch.suspects.add(id, items.values())
    for (const sent of items.values()) {
      const message = isLost
        ? `Item ${sent.index} of "${path}": the workers that did it died of it, six times. Run it in a process of its own to see why.`
        : `Item ${sent.index} of "${path}": the worker could not do it: ${why}`
      sent.reject(new SluiceError(isLost ? "worker-lost" : "worker-error", message))
    }
  }

  /** The server has lost the job; what workers had done of it by then, they have told again. */
  async #again(id: string, job: OpenJob): Promise<void> {
    const done = await this.#redis.taken(() => keptOf(this.#queue, id)).catch(() => [])
    if (this.#open.get(id) !== job) return
    if (done.length > 0) return this.#ended(id, done, undefined)
    this.#open.delete(id)
    const { batch, items, isAlone } = job
    if (items.size > 0) this.send(id, batch, [...items.values()], isAlone)
  }

  #forget(id: string): void {
    this.#remove(id).catch(() => {})
  }

  /** Returns 0 where a worker is at it. */
  #remove(id: string): Promise<number> {
    return this.#redis.taken(() => this.#queue.remove(id))
  }

  #sweepSoon(): void {
    if (this.#isClosed) return
    this.#cancelSweep ??= this.#clock.setTimer(sweepEveryMs, () => {
      this.#cancelSweep = undefined
      void this.#sweep().finally(() => {
        if (this.#open.size > 0) this.#sweepSoon()
      })
    })
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#clock.now()
    for (const [id, job] of this.#open) {
      if (job.lookedMs === Infinity) continue
      // The oldest are first.
      if (nowMs - job.lookedMs < sweepAfterMs || this.#isClosed) return
      job.lookedMs = nowMs
      this.#open.delete(id)
      this.#open.set(id, job)
      const found = await this.#queue.getJob(id).catch(() => null)
      if (found === undefined) await this.#again(id, job)
      else if (found?.finishedOn !== undefined)
        this.#ended(id, found.returnvalue as unknown, found.failedReason || undefined)
    }
  }
}
