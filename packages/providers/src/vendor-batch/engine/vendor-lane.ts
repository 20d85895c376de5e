import { countInScope, type Random, type TaskScope } from "@sluice/core"
import type { BatchEvent, BatchRequest, BatchResult, BatchVendor, FailedResult } from "../vendors/batch-vendor.ts"
import type { BatchEnd } from "./batch-ends.ts"
import type { BatchRecord, Slot } from "./batch-record.ts"
import { LaneDeadline, type LaneDeadlineOptions } from "./lane-deadline.ts"
import type { LaneCapacity } from "./lane-capacity.ts"
import { laneDefaults } from "./lane-options.ts"
import { VendorBatch } from "./vendor-batch.ts"

/** One request in the lane. */
export interface LaneRequest {
  /** A hash of everything that decides the answer. */
  readonly content: string
  readonly body: BatchRequest["body"]
  readonly tokens: number
  /** Its number among the caller's, which is part of its name at the vendor; default: its place in the batch. */
  readonly nth?: number
  readonly scope?: TaskScope | undefined
  readonly signal?: AbortSignal | undefined
}

/** What batches brought for a request. */
export interface LaneEnd {
  /** Nothing where it has to go online. */
  readonly result?: BatchResult
  /** Why it has to, where the vendor said. */
  readonly because?: FailedResult | undefined
  /** The batches that it was submitted in. */
  readonly rounds: number
}

export interface VendorLaneOptions extends LaneDeadlineOptions {
  readonly vendor: BatchVendor
  readonly record: BatchRecord
  readonly capacity: LaneCapacity
  readonly random: Random
  /** Looks in a row without an answer that end the watch of a batch. */
  readonly maxBlindLooks: number
  readonly onBatch?: ((event: BatchEvent) => void) | undefined
  /** No further request is taken, and why. */
  readonly onClosed: (error: unknown) => void
}

/** A batch before it is submitted. */
interface Filling {
  readonly batch: VendorBatch
  bytes: number
  tokens: number
  lastMs: number
}

/** The requests of one batch node, endpoint, model and caller, on their way through batches. */
export class VendorLane {
  readonly #plan: VendorLaneOptions
  /** By tag: whoever asks again for a request finds the batch that has it. */
  readonly #batches = new Map<string, VendorBatch>()
  readonly #running = new Set<Promise<void>>()
  readonly #deadline: LaneDeadline
  #filling: Filling | undefined
  #isClosed = false

  constructor(plan: VendorLaneOptions) {
    this.#plan = plan
    this.#deadline = new LaneDeadline(plan, (graceMs) => {
      for (const batch of this.#batches.values()) batch.giveUp(graceMs)
      this.#giveUpFilling()
    })
  }

  /** Sees a request through as many batches as it takes. Rejects with `signal.reason`, or where its batch cannot be followed. */
  async ask(request: LaneRequest): Promise<LaneEnd> {
    const { record, options } = this.#plan
    const { maxRounds = laneDefaults.maxRounds } = options
    const leave = this.#deadline.enter(request.tokens)
    let round = 1
    let because: FailedResult | undefined
    try {
      while (round <= maxRounds && !this.#deadline.hasPassed) {
        request.signal?.throwIfAborted()
        // What an earlier process has paid for is waited for also where a new batch would not be worth it.
        const slot = record.claim(request.content)
        if (!slot && !this.#takesNew) break
        const end = await this.#through(request, slot)
        if (end.kind === "result") return this.#brought(end.result, round)
        if (end.kind !== "smaller") because = end.because ?? because
        if (end.kind === "online") break
        if (!slot && end.kind === "again") round++
      }
      return { because, rounds: Math.min(round, maxRounds) }
    } finally {
      leave()
    }
  }

  /** Submits what has gathered without waiting for more. */
  submit(): void {
    const filling = this.#filling
    if (!filling) return
    this.#filling = undefined
    const { batch } = filling
    this.#follow(batch.submit())
    this.#batches.set(batch.tag!, batch)
  }

  /** Of the price of a call by itself. */
  get priceShare(): number {
    return this.#plan.vendor.priceShare
  }

  /** The tags of batches that nothing more is to be had from. */
  get spent(): string[] {
    return [...this.#batches].filter(([, batch]) => batch.isSpent).map(([tag]) => tag)
  }

  /** Resolves when no batch is created or followed any more: whatever there is to note is noted by then. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  get #takesNew(): boolean {
    return !this.#isClosed && this.#deadline.hasTimeForBatch
  }

  #brought(result: BatchResult, rounds: number): LaneEnd {
    if (result.status === "failed" && result.isSpendCap) {
      // No other request of the account will do better.
      this.#isClosed = true
      this.#giveUpFilling()
    }
    return { result, rounds }
  }

  #giveUpFilling(): void {
    this.#filling?.batch.giveUp(0)
    this.#filling = undefined
  }

  /** One way through a batch, counted in the item's scope like a permit. */
  async #through(request: LaneRequest, slot: Slot | undefined): Promise<BatchEnd> {
    const { tokens, scope, signal } = request
    const { capacity, record } = this.#plan
    let leave: () => void
    try {
      const late = this.#deadline.passed
      leave = capacity.tryEnter(tokens) ?? (await capacity.enter(tokens, scope, signal ? [signal, late] : [late]))
    } catch (error) {
      if (slot) record.release(slot)
      if (!signal?.aborted) return { kind: "online" }
      throw error
    }
    countInScope(scope, "holding", 1)
    try {
      return await (slot ? this.#batchOf(slot).ask(slot.customId, signal) : this.#fill(request))
    } finally {
      countInScope(scope, "holding", -1)
      leave()
    }
  }

  #batchOf({ batch: noted }: Slot): VendorBatch {
    const known = this.#batches.get(noted.tag)
    if (known && !known.isLost) return known
    const batch = this.#newBatch(() => {})
    this.#batches.set(noted.tag, batch)
    this.#follow(batch.resume(noted, known))
    return batch
  }

  #follow(run: Promise<void>): void {
    const running = run.finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #fill({ content, body, tokens, nth, signal }: LaneRequest): Promise<BatchEnd> {
    const { vendor, clock, options } = this.#plan
    const bytes = vendor.sizeOf({ customId: `${content}-${nth ?? vendor.maxRequests}`, body })
    if (this.#filling && this.#filling.bytes + bytes > vendor.maxBytes) this.submit()
    const filling = (this.#filling ??= this.#startFilling())
    filling.bytes += bytes
    filling.tokens += tokens
    filling.lastMs = clock.now()
    const { batch } = filling
    const end = batch.add(`${content}-${nth ?? batch.size}`, body, signal)
    if (batch.size >= Math.min(vendor.maxRequests, options.maxRequests ?? Infinity)) this.submit()
    return end
  }

  #startFilling(): Filling {
    const batch = this.#newBatch(() => this.#plan.capacity.refused(filling.tokens))
    const filling: Filling = { batch, bytes: 0, tokens: 0, lastMs: 0 }
    this.#submitWhenQuiet(filling)
    return filling
  }

  /** One timer, not one per request: it looks when the last request came, and waits on where that was not long ago. */
  #submitWhenQuiet(filling: Filling): void {
    const { clock, options } = this.#plan
    const gatherMs = options.gatherMs ?? laneDefaults.gatherMs
    const look = (): void => {
      if (this.#filling !== filling) return
      const quietMs = clock.now() - filling.lastMs
      if (quietMs >= gatherMs) this.submit()
      else clock.setTimer(gatherMs - quietMs, look)
    }
    clock.setTimer(gatherMs, look)
  }

  #newBatch(onTooLarge: () => void): VendorBatch {
    const { vendor, record, options, clock, random, maxBlindLooks, onBatch, onClosed } = this.#plan
    const { pollMs = laneDefaults.pollMs, maxPollMs = laneDefaults.maxPollMs } = options
    return new VendorBatch({
      vendor,
      record,
      clock,
      random,
      pollMs,
      maxPollMs,
      maxBlindLooks,
      onBatch,
      onTooLarge,
      onRefused: (error) => {
        if (this.#isClosed) return
        this.#isClosed = true
        onClosed(error)
      },
    })
  }
}
