import { type Clock, countInScope, type Random, type TaskScope } from "@sluice/core"
import type { BatchResult, BatchVendor } from "./vendors/batch-vendor.ts"
import { type LaneAnswer, LaneBatch } from "./lane-batch.ts"
import type { LaneCapacity } from "./lane-capacity.ts"
import { laneDefaults, type LaneOptions } from "./lane-options.ts"
import type { LaneRecord, Slot } from "./lane-record.ts"
import type { BatchEvent } from "./run-batches-options.ts"

/** One request in the lane. */
export interface LaneRequest {
  /** A hash of everything that decides the answer. */
  readonly content: string
  readonly body: Readonly<Record<string, unknown>>
  readonly tokens: number
  readonly scope: TaskScope | undefined
  readonly signal: AbortSignal | undefined
}

export interface VendorLaneOptions {
  readonly vendor: BatchVendor
  readonly record: LaneRecord
  readonly capacity: LaneCapacity
  readonly options: LaneOptions
  readonly clock: Clock
  readonly random: Random
  /** On `clock`, when everything has to be answered; `undefined` when there is no haste. */
  readonly deadlineAtMs: number | undefined
  /** How long so many requests with so many input tokens would take online. */
  readonly onlineMs: (requests: number, inputTokens: number) => number
  readonly onBatch: (event: BatchEvent) => void
  /** No further request is taken, and why. */
  readonly onClosed: (error: unknown) => void
}

/** A batch before it is submitted. */
interface Filling {
  readonly batch: LaneBatch
  bytes: number
  tokens: number
  lastMs: number
}

/** The requests of one batch node, endpoint, model and caller, on their way through batches. */
export class VendorLane {
  readonly #plan: VendorLaneOptions
  /** By tag: whoever asks again for a request finds the batch that has it. */
  readonly #batches = new Map<string, LaneBatch>()
  readonly #running = new Set<Promise<void>>()
  readonly #tooLate = new AbortController()
  #filling: Filling | undefined
  #open = 0
  #openTokens = 0
  #isClosed = false
  #forgetDeadline: (() => void) | undefined

  constructor(plan: VendorLaneOptions) {
    this.#plan = plan
  }

  /** The batch's answer to a request; `undefined` when it has to go online. Rejects with `signal.reason`. */
  async ask(request: LaneRequest): Promise<BatchResult | undefined> {
    const { maxRounds = laneDefaults.maxRounds } = this.#plan.options
    this.#open++
    this.#openTokens += request.tokens
    try {
      for (let round = 1; round <= maxRounds && !this.#tooLate.signal.aborted;) {
        // What an earlier process has paid for is waited for also where a new batch would not be worth it.
        const slot = this.#plan.record.claim(request.content)
        if (!slot && !this.#takesNew()) return undefined
        this.#watchDeadline()
        const answer = await this.#answer(request, slot)
        if (answer === "online") return undefined
        if (typeof answer === "object") return answer
        if (!slot && answer === "again") round++
      }
      return undefined
    } finally {
      this.#openTokens -= request.tokens
      if (--this.#open === 0) this.#forgetDeadline?.()
    }
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

  /** One way through a batch, counted in the item's scope like a permit. */
  async #answer(request: LaneRequest, slot: Slot | undefined): Promise<LaneAnswer> {
    const { tokens, scope, signal } = request
    const { capacity } = this.#plan
    let leave: () => void
    try {
      const late = this.#tooLate.signal
      leave = capacity.tryEnter(tokens) ?? (await capacity.enter(tokens, scope, signal ? [signal, late] : [late]))
    } catch (error) {
      if (slot) this.#plan.record.release(slot)
      if (!signal?.aborted) return "online"
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

  #batchOf({ batch: noted }: Slot): LaneBatch {
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

  #fill({ content, body, tokens, signal }: LaneRequest): Promise<LaneAnswer> {
    const { vendor, clock, options } = this.#plan
    const bytes = vendor.sizeOf({ customId: `${content}-${vendor.maxRequests}`, body })
    if (this.#filling && this.#filling.bytes + bytes > vendor.maxBytes) this.#submit()
    const filling = (this.#filling ??= this.#startFilling())
    filling.bytes += bytes
    filling.tokens += tokens
    filling.lastMs = clock.now()
    const answer = filling.batch.add(content, body, signal)
    if (filling.batch.size >= Math.min(vendor.maxRequests, options.maxRequests ?? Infinity)) this.#submit()
    return answer
  }

  #startFilling(): Filling {
    const filling: Filling = {
      batch: this.#newBatch(() => this.#plan.capacity.refused(filling.tokens)),
      bytes: 0,
      tokens: 0,
      lastMs: 0,
    }
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
      if (quietMs >= gatherMs) this.#submit()
      else clock.setTimer(gatherMs - quietMs, look)
    }
    clock.setTimer(gatherMs, look)
  }

  #submit(): void {
    const filling = this.#filling
    if (!filling) return
    this.#filling = undefined
    const { batch } = filling
    this.#follow(batch.submit())
    this.#batches.set(batch.tag!, batch)
  }

  #newBatch(onTooLarge: () => void): LaneBatch {
    const { vendor, record, options, clock, random, onBatch, onClosed } = this.#plan
    const { pollMs, maxPollMs } = options
    return new LaneBatch({
      vendor,
      record,
      clock,
      random,
      onBatch,
      ...(pollMs === undefined ? {} : { pollMs }),
      ...(maxPollMs === undefined ? {} : { maxPollMs }),
      onTooLarge,
      onRefused: (error) => {
        if (this.#isClosed) return
        this.#isClosed = true
        onClosed(error)
      },
    })
  }

  #takesNew(): boolean {
    const { leastBatchMs = laneDefaults.leastBatchMs } = this.#plan.options
    return !this.#isClosed && this.#spareMs() >= leastBatchMs
  }

  /** What is left for batches if everything here is still to go online in time. */
  #spareMs(): number {
    const { deadlineAtMs, clock } = this.#plan
    return deadlineAtMs === undefined ? Infinity : deadlineAtMs - clock.now() - this.#onlineMs() - this.#graceMs()
  }

  #onlineMs(): number {
    return this.#plan.onlineMs(this.#open, this.#openTokens)
  }

  /** How long a cancelled batch may take to say what it has done. */
  #graceMs(): number {
    return leastGraceMs + this.#onlineMs() * graceShare
  }

  #watchDeadline(): void {
    const { deadlineAtMs, clock } = this.#plan
    if (deadlineAtMs === undefined || this.#forgetDeadline) return
    const look = (): void => {
      const spareMs = this.#spareMs()
      // Half the way: requests that came since make it shorter.
      if (spareMs > 0) return arm(Math.min(spareMs, Math.max(spareMs / 2, leastLookMs)))
      this.#tooLate.abort()
      const graceMs = this.#graceMs()
      for (const batch of [...this.#batches.values(), this.#filling?.batch]) batch?.giveUp(graceMs)
      this.#filling = undefined
    }
    const arm = (delayMs: number): void => {
      const forget = clock.setTimer(delayMs, look)
      this.#forgetDeadline = () => {
        forget()
        this.#forgetDeadline = undefined
      }
    }
    arm(0)
  }
}

// A cancelled batch is over within a minute or so; a large one takes longer, and is worth more.
const leastGraceMs = 60_000
const graceShare = 0.1
// Often enough for any deadline, seldom enough to cost nothing.
const leastLookMs = 1_000
