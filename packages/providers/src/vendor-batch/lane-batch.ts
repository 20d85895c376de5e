import { sleep } from "@sluice/scheduler"
import { hashText } from "../accounts/hash-text.ts"
import { statusOf } from "./vendors/batch-http.ts"
import type { BatchProgress, BatchRequest, BatchResult } from "./vendors/batch-vendor.ts"
import { collectBatch } from "./collect-batch.ts"
import { laneDefaults } from "./lane-options.ts"
import type { LaneRecord, NotedBatch } from "./lane-record.ts"
import { runBatchesDefaults } from "./run-batches-options.ts"
import { tellBatch, watchBatch, type WatchOptions } from "./watch-batch.ts"

export interface LaneBatchOptions extends Omit<WatchOptions, "signal"> {
  readonly record: LaneRecord
  /** The vendor cannot be given batches like this one: its requests, and those after it, go online. */
  readonly onRefused: (error: unknown) => void
  /** More input tokens than the vendor lets the account enqueue. */
  readonly onTooLarge: () => void
}

/**
 * `"online"`: no batch was made · `"again"`: the batch ended without this request, or with the vendor's fault ·
 * `"smaller"`: the batch was too large for the account, nothing of it was tried.
 */
export type LaneAnswer = BatchResult | "online" | "again" | "smaller"

interface Waiter {
  readonly resolve: (answer: LaneAnswer) => void
  readonly reject: (error: unknown) => void
}

type End = { readonly answer: LaneAnswer } | { readonly error: unknown }

/** Why a look is broken off to look more often. */
const hurry = new Error("look again now")

// A batch whose creation had no clear answer is looked for this often before it counts as not made, and made so often at most.
const maxFinds = 3
const maxCreates = 3

/** One vendor batch and the requests that wait for it: filled and submitted here, or by an earlier process. */
export class LaneBatch {
  readonly #options: LaneBatchOptions
  readonly #requests = new Map<string, BatchRequest>()
  readonly #waiters = new Map<string, Waiter>()
  /** Results that nobody waited for when they came. */
  readonly #early = new Map<string, LaneAnswer>()
  readonly #stop = new AbortController()
  #pollMs: number
  #lookNow: (() => void) | undefined
  #batchId: string | undefined
  #running: Promise<void> | undefined
  #size = 0
  #noted: NotedBatch | undefined
  #isResumed = false
  #isGivenUp = false
  #forgetGrace: (() => void) | undefined
  #end: End | undefined
  /** Nothing more is to be had from it. */
  isSpent = false

  constructor(options: LaneBatchOptions) {
    this.#options = options
    this.#pollMs = options.pollMs ?? runBatchesDefaults.pollMs
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
    return this.#end !== undefined && "error" in this.#end
  }

  /** Puts a request in, before `submit`. Rejects with `signal.reason`, and leaves the request out if that is in time. */
  add(content: string, body: BatchRequest["body"], signal: AbortSignal | undefined): Promise<LaneAnswer> {
    const customId = `${content}-${this.#size++}`
    this.#requests.set(customId, { customId, body })
    return this.ask(customId, signal)
  }

  /** The answer to one request. */
  ask(customId: string, signal: AbortSignal | undefined): Promise<LaneAnswer> {
    const early = this.#early.get(customId)
    if (early) return Promise.resolve(early)
    if (this.#end) return "error" in this.#end ? Promise.reject(this.#end.error) : Promise.resolve(this.#end.answer)
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        this.#leave(customId)
        reject(signal!.reason)
      }
      const letGo = (): void => signal?.removeEventListener("abort", onAbort)
      signal?.addEventListener("abort", onAbort, { once: true })
      this.#waiters.set(customId, {
        resolve: (answer) => (letGo(), resolve(answer)),
        reject: (error) => (letGo(), reject(error)),
      })
    })
  }

  /** Has the vendor make a batch of what is in it. Never rejects: whoever asked is told. */
  submit(): Promise<void> {
    const requests = [...this.#requests.values()]
    this.#requests.clear()
    const wallMs = this.#options.clock.wallNow()
    const ids = requests.map((request) => request.customId)
    const noted = { tag: `sluice-${hashText([`${wallMs}`, ...ids]).slice(0, 12)}`, wallMs, ids }
    this.#noted = noted
    this.#size = ids.length
    return this.#run(async () => {
      if (requests.length === 0) return undefined
      await this.#options.record.intend(noted)
      const batchId = await this.#create(requests, noted)
      if (batchId === undefined) await this.#options.record.forget([noted.tag])
      return batchId
    })
  }

  /** Goes on with a batch of an earlier process, or with one that all had left: `before`, which may still be creating it. */
  resume(noted: NotedBatch, before?: LaneBatch): Promise<void> {
    this.#noted = noted
    this.#size = noted.ids.length
    this.#isResumed = true
    return this.#run(async () => {
      if (before) await before.#running
      const batchId = noted.batchId ?? (before && before.#batchId) ?? (await this.#find(noted))
      if (batchId !== undefined) this.#tell("adopted", batchId)
      // It was never made, or is gone: its requests are sent like new ones.
      else this.#finish({ answer: "again" })
      return batchId
    })
  }

  /** Time is up: what is done within `graceMs` still counts, everything else goes online. */
  giveUp(graceMs: number): void {
    if (this.#end || this.#isGivenUp) return
    this.#isGivenUp = true
    this.isSpent = true
    if (!this.#noted) return this.#finish({ answer: "online" })
    this.#pollMs = graceMs / 10
    this.#forgetGrace = this.#options.clock.setTimer(graceMs, () => {
      this.#finish({ answer: "online" })
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
      if (batchId === undefined) return this.#finish({ answer: "online" })
      this.#batchId = batchId
      if (this.#isGivenUp || (this.#stop.signal.aborted && !this.#options.record.isDurable)) this.#cancel(batchId)
      const progress = await this.#untilOver(batchId)
      if (progress.state === "failed") this.#refused(progress)
      else await this.#collect(batchId)
      this.isSpent = true
      this.#finish({ answer: "again" })
    } catch (error) {
      // A batch that is not there, or not ours any more, is one that was never made.
      const gone = this.#isResumed && [401, 403, 404].includes(statusOf(error).status)
      this.#finish(gone ? { answer: "again" } : { error })
    }
  }

  /** Accepted, and refused as a whole later: nothing of it ran. */
  #refused({ code, faulty = [] }: BatchProgress): void {
    if (code === "token_limit_exceeded") return this.#tooLarge()
    const { ids } = this.#noted!
    // Those at fault are answered online, each with the vendor's own error; the others make a batch without them.
    for (const position of faulty) this.#answer(ids[position] ?? "", "online")
    this.#finish({ answer: faulty.length > 0 ? "smaller" : "online" })
  }

  #tooLarge(): void {
    this.#options.onTooLarge()
    this.#finish({ answer: this.#size > 1 ? "smaller" : "again" })
  }

  /** The id of the batch, or nothing when the vendor takes none like it. */
  async #create(requests: readonly BatchRequest[], noted: NotedBatch): Promise<string | undefined> {
    const { vendor, record, onRefused } = this.#options
    let batchId: string | undefined
    for (let attempt = 1; batchId === undefined; attempt++) {
      try {
        batchId = await vendor.create(requests, noted.tag)
      } catch (error) {
        const { status } = statusOf(error)
        const isUnclear = status === 0 || status >= 500
        // The answer may be lost, not the batch.
        if (isUnclear) batchId = await this.#find(noted)
        if (batchId !== undefined || (isUnclear && attempt < maxCreates)) continue
        // Too much is enqueued, say those who say so at once.
        if (status === 429) this.#tooLarge()
        else onRefused(error)
        return undefined
      }
    }
    await record.created(noted.tag, batchId)
    this.#tell("submitted", batchId)
    return batchId
  }

  async #find({ tag, wallMs, ids }: NotedBatch): Promise<string | undefined> {
    const { vendor, clock, record } = this.#options
    const known = new Set(ids)
    for (let find = 1; ; find++) {
      const found = await vendor.find(tag, { wallMs, count: ids.length, has: (id) => known.has(id) })
      if (found !== undefined) await record.created(tag, found)
      if (found !== undefined || find === maxFinds) return found
      await sleep(clock, this.#pollMs)
    }
  }

  async #untilOver(batchId: string): ReturnType<typeof watchBatch> {
    for (;;) {
      const look = new AbortController()
      this.#lookNow = () => look.abort(hurry)
      const signal = AbortSignal.any([this.#stop.signal, look.signal])
      const { maxBlindLooks } = laneDefaults
      try {
        return await watchBatch(batchId, { ...this.#options, maxBlindLooks, pollMs: this.#pollMs, signal })
      } catch (error) {
        if (error !== hurry || this.#stop.signal.aborted) throw error
      }
    }
  }

  async #collect(batchId: string): Promise<void> {
    const options = { ...this.#options, pollMs: this.#pollMs, signal: this.#stop.signal }
    for await (const result of collectBatch(batchId, options)) this.#answer(result.customId, this.#answerOf(result))
  }

  /** What an earlier process was refused for want of money may have been paid for since. */
  #answerOf(result: BatchResult): LaneAnswer {
    if (result.status === "ok") return result
    return result.again || (result.isSpendCap && this.#isResumed) ? "again" : result
  }

  #answer(customId: string, answer: LaneAnswer): void {
    const waiter = this.#waiters.get(customId)
    this.#waiters.delete(customId)
    if (waiter) waiter.resolve(answer)
    else this.#early.set(customId, answer)
  }

  #finish(end: End): void {
    if (this.#end) return
    this.#end = end
    this.#forgetGrace?.()
    for (const [customId, waiter] of this.#waiters) {
      if ("answer" in end) waiter.resolve(end.answer)
      else {
        this.#release(customId)
        waiter.reject(end.error)
      }
    }
    this.#waiters.clear()
  }

  /** One request is not waited for any more; if it is asked for again, its answer is still in this batch. */
  #leave(customId: string): void {
    this.#waiters.delete(customId)
    if (this.#requests.delete(customId) || this.#end) return
    this.#release(customId)
    if (this.#waiters.size === 0) this.#abandon()
  }

  #release(customId: string): void {
    if (!this.#noted) return
    const batch = { ...this.#noted, ...(this.#batchId === undefined ? {} : { batchId: this.#batchId }) }
    this.#options.record.release({ batch, customId })
  }

  /** Nobody waits any more. With a record the batch runs on, and is found again; without one its answers are lost. */
  #abandon(): void {
    if (!this.#options.record.isDurable && this.#batchId !== undefined) this.#cancel(this.#batchId)
    this.#finish({ error: hurry })
    this.#stop.abort(hurry)
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
