import { hashText } from "@sluice/core/internal"
import { statusOf } from "../vendors/batch-http.ts"
import type { BatchProgress, BatchRequest } from "../vendors/batch-vendor.ts"
import { type BatchEnd, BatchEnds, type WholeEnd } from "./batch-ends.ts"
import type { BatchRecord, NotedBatch } from "./batch-record.ts"
import {
  createBatch,
  findBatch,
  isForMoney,
  readBatch,
  type BatchStepOptions,
  tellBatch,
  watchBatch,
} from "./batch-steps.ts"

export interface VendorBatchOptions extends BatchStepOptions {
  readonly record: BatchRecord
  /** The vendor cannot be given batches like this one: its requests, and those after it, go online. */
  readonly onRefused: (error: unknown) => void
  /** More input tokens than the vendor lets the account enqueue. */
  readonly onTooLarge: () => void
}

/** Why a look is broken off to look more often, and why all of them are. */
const hurry = new Error("look again now")

// Usually enough for the answer of a creation under way: the id is worth more than looking for the batch later.
const lastWordMs = 10_000

/** One vendor batch and the requests that wait for it: filled and submitted here, or by an earlier process. */
export class VendorBatch {
  readonly #options: VendorBatchOptions
  readonly #requests = new Map<string, BatchRequest>()
  readonly #ends = new BatchEnds((customId) => this.#leave(customId))
  /** Nobody waits any more: it is looked at no further, and a creation under way has a last word. */
  readonly #stop = new AbortController()
  readonly #hangUp = new AbortController()
  #pollMs: number
  #lookNow: (() => void) | undefined
  #batchId: string | undefined
  #running: Promise<void> | undefined
  #size = 0
  #noted: NotedBatch | undefined
  #isResumed = false
  #isGivenUp = false
  #forgetGrace: (() => void) | undefined
  /** Nothing more is to be had from it. */
  isSpent = false

  constructor(options: VendorBatchOptions) {
    this.#options = options
    this.#pollMs = options.pollMs
  }

  /** Once it is submitted. */
  get tag(): string | undefined {
    return this.#noted?.tag
  }

  get size(): number {
    return this.#size
  }

  /** Nobody follows it any more, though it may go on at the vendor: another one must resume it. */
  get isLost(): boolean {
    return this.#ends.whole?.kind === "lost"
  }

  /** Puts a request in, before `submit`. Rejects with `signal.reason`, and leaves the request out if that is in time. */
  add(name: string, body: BatchRequest["body"], signal: AbortSignal | undefined): Promise<BatchEnd> {
    this.#requests.set(name, { customId: name, body })
    this.#size++
    return this.ask(name, signal)
  }

  /** How it ends for one request. */
  ask(customId: string, signal: AbortSignal | undefined): Promise<BatchEnd> {
    return this.#ends.of(customId, signal)
  }

  /** Has the vendor make a batch of what is in it. Never rejects: whoever asked is told. */
  submit(): Promise<void> {
    const requests = [...this.#requests.values()]
    this.#requests.clear()
    const { clock, record } = this.#options
    const wallMs = clock.wallNow()
    const ids = requests.map((request) => request.customId)
    const noted = { tag: `sluice-${hashText([`${wallMs}`, ...ids]).slice(0, 12)}`, wallMs, ids }
    this.#noted = noted
    this.#size = ids.length
    return this.#run(async () => {
      if (requests.length === 0) return undefined
      await record.intend(noted)
      const batchId = await this.#create(requests, noted)
      if (batchId === undefined) await record.forget([noted.tag])
      return batchId
    })
  }

  /** Goes on with a batch of an earlier process, or with one that all had left: `before`, which may still be creating it. */
  resume(noted: NotedBatch, before?: VendorBatch): Promise<void> {
    this.#noted = noted
    this.#size = noted.ids.length
    this.#isResumed = true
    return this.#run(async () => {
      if (before) await before.#running
      const batchId = noted.batchId ?? (before && before.#batchId) ?? (await this.#find(noted))
      if (batchId !== undefined) this.#tell("adopted", batchId)
      // It was never made, or is gone: its requests are sent like new ones.
      else this.#finish({ kind: "again" })
      return batchId
    })
  }

  /** Time is up: what is done within `graceMs` still counts, everything else goes online. */
  giveUp(graceMs: number): void {
    if (this.#ends.whole || this.#isGivenUp) return
    this.#isGivenUp = true
    this.isSpent = true
    if (!this.#noted) return this.#finish({ kind: "online" })
    this.#pollMs = graceMs / 10
    this.#forgetGrace = this.#options.clock.setTimer(graceMs, () => {
      this.#finish({ kind: "online" })
      this.#stop.abort(hurry)
    })
    if (this.#batchId !== undefined) this.#cancel(this.#batchId)
    this.#lookNow?.()
  }

  #run(batchIdOf: () => Promise<string | undefined>): Promise<void> {
    return (this.#running = this.#follow(batchIdOf))
  }

  async #follow(batchIdOf: () => Promise<string | undefined>): Promise<void> {
    try {
      const batchId = await batchIdOf()
      if (batchId === undefined) return this.#finish({ kind: "online" })
      this.#batchId = batchId
      if (this.#isGivenUp || (this.#stop.signal.aborted && !this.#options.record.isDurable)) this.#cancel(batchId)
      const progress = await this.#untilOver(batchId)
      if (progress.state === "failed") this.#refused(progress)
      else await this.#read(batchId)
      this.isSpent = true
      this.#finish({ kind: "again" })
    } catch (error) {
      // A batch that is not there, or not ours any more, is one that was never made.
      const isGone = this.#isResumed && [401, 403, 404].includes(statusOf(error).status)
      this.#finish(isGone ? { kind: "again" } : { kind: "lost", error })
    }
  }

  /** The id of the batch, or nothing when the vendor takes none like it. */
  async #create(requests: readonly BatchRequest[], noted: NotedBatch): Promise<string | undefined> {
    const { record, onRefused } = this.#options
    const { signal } = this.#hangUp
    let batchId: string
    try {
      batchId = await createBatch(requests, noted, this.#steps, signal)
    } catch (error) {
      signal.throwIfAborted()
      // Too much is enqueued, say those who say so at once.
      if (statusOf(error).status === 429 && !isForMoney(error)) this.#tooLarge()
      else onRefused(error)
      return undefined
    }
    await record.created(noted.tag, batchId)
    this.#tell("submitted", batchId)
    return batchId
  }

  async #find(noted: NotedBatch): Promise<string | undefined> {
    const found = await findBatch(noted, this.#steps, this.#stop.signal)
    if (found !== undefined) await this.#options.record.created(noted.tag, found)
    return found
  }

  async #untilOver(batchId: string): Promise<BatchProgress> {
    for (;;) {
      const look = new AbortController()
      this.#lookNow = () => look.abort(hurry)
      try {
        return await watchBatch(batchId, this.#steps, AbortSignal.any([this.#stop.signal, look.signal]))
      } catch (error) {
        if (error !== hurry || this.#stop.signal.aborted) throw error
      }
    }
  }

  async #read(batchId: string): Promise<void> {
    for await (const result of readBatch(batchId, this.#steps, this.#stop.signal)) {
      // What an earlier process was refused for want of money may have been paid for since.
      const isOpen = result.status === "failed" && (result.again || (result.isSpendCap && this.#isResumed))
      if (isOpen) this.#ends.fail({ ...result, again: true, isSpendCap: false })
      else this.#ends.tell(result.customId, { kind: "result", result })
    }
  }

  get #steps(): BatchStepOptions {
    return { ...this.#options, pollMs: this.#pollMs }
  }

  /** Accepted, and refused as a whole later: nothing of it ran. */
  #refused({ code = "batch-failed", faulty = [] }: BatchProgress): void {
    if (code === "token_limit_exceeded") return this.#tooLarge()
    const { ids } = this.#noted!
    const because = {
      customId: "",
      status: "failed",
      code,
      message: "the batch was refused as a whole",
      again: false,
    } as const
    // Those at fault are answered online, each with the vendor's own error; the others make a batch without them.
    for (const position of faulty) this.#ends.tell(ids[position] ?? "", { kind: "online", because })
    this.#finish(faulty.length > 0 ? { kind: "smaller" } : { kind: "online", because })
  }

  #tooLarge(): void {
    this.#options.onTooLarge()
    this.#finish({ kind: this.#size > 1 ? "smaller" : "again" })
  }

  #finish(end: WholeEnd): void {
    this.#forgetGrace?.()
    this.#ends.end(end)
  }

  /** One request is not waited for any more; if it is asked for again, its answer is still in this batch. */
  #leave(customId: string): void {
    if (this.#requests.delete(customId)) return
    if (this.#noted) {
      const batch = { ...this.#noted, ...(this.#batchId === undefined ? {} : { batchId: this.#batchId }) }
      this.#options.record.release({ batch, customId })
    }
    if (!this.#ends.whole && !this.#ends.isWaitedFor) this.#abandon()
  }

  /** Nobody waits any more. With a record the batch runs on, and is found again; without one its answers are lost. */
  #abandon(): void {
    if (!this.#options.record.isDurable && this.#batchId !== undefined) this.#cancel(this.#batchId)
    this.#finish({ kind: "lost", error: hurry })
    this.#stop.abort(hurry)
    const forget = this.#options.clock.setTimer(lastWordMs, () => this.#hangUp.abort(hurry))
    void this.#running?.then(forget)
  }

  #cancel(batchId: string): void {
    this.#tell("cancelled", batchId)
    // It ends by itself within a day if this does not reach the vendor.
    this.#options.vendor.cancel(batchId).catch(() => {})
  }

  #tell(type: "submitted" | "adopted" | "cancelled", batchId: string): void {
    tellBatch(this.#options, { type, vendor: this.#options.vendor.name, batchId, done: 0, total: this.#size })
  }
}
