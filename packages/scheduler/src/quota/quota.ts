import {
  type AdmitOptions,
  type Clock,
  type Cost,
  countInScope,
  currentScope,
  type Feedback,
  type Limiter,
  type Permit,
  type SettleOutcome,
  SluiceError,
  type TaskScope,
} from "@sluice/core"
import { AbortGroups } from "../queue/abort-groups.ts"
import { explainWaits } from "./explain-waits.ts"
import { FairQueue } from "../queue/fair-queue.ts"
import { IndexedHeap } from "../queue/indexed-heap.ts"
import { LivePermit } from "./permit.ts"
import { onAbort } from "../queue/on-abort.ts"
import { type Deadline, QueuedCall } from "./queued-call.ts"
import { type Block, QuotaBeliefs, sends, uses } from "./state.ts"
import * as errors from "./errors.ts"
import { QuotaEvents } from "./events.ts"
import { QuotaLearning } from "./learning.ts"
import {
  checkQuotaOptions,
  checkRetune,
  mergeTold,
  quotaDefaults,
  type QuotaLimits,
  type QuotaOptions,
} from "./options.ts"
import { assertNoReentry } from "../queue/reentry.ts"
import { type QuotaSnapshot, snapshotOf, type WaitExplanation } from "./snapshot.ts"
import { systemClock, systemRandom } from "../runtime/system-clock.ts"

/** The limits of one vendor account and model, and the queue before them. */
export interface Quota extends Limiter, AsyncDisposable {
  readonly name: string
  /**
   * The permit, once `cost` fits in every dimension at once. Nothing is held while waiting.
   * @throws SluiceError `cost-exceeds-limit`, `deadline-unreachable`, `queue-full`, `limiter-closed`, `quota-exhausted`, `budget-exhausted`;
   * `signal.reason` when aborted.
   */
  admit(cost?: Cost, options?: AdmitOptions): Promise<Permit>
  tryAdmit(cost?: Cost, options?: AdmitOptions): Permit | undefined
  /** What is known and going on, as plain data. */
  snapshot(): QuotaSnapshot
  /** For each of the first `count` (default 20) calls that wait: which limit blocks it, who holds it, until when. */
  explain(count?: number): WaitExplanation[]
  /**
   * New numbers from the next admission on; what is not named stays, and a rate keeps its kind, burst and window.
   * Ends the state after `quota-exhausted`.
   * @throws SluiceError `invalid-option`
   */
  retune(limits: QuotaLimits): void
  /** Admits no new call. Resolves when the queue is empty and nothing runs; with `reject` the queue is rejected at once. */
  close(options?: { readonly reject?: boolean }): Promise<void>
}

/**
 * A quota: every dimension of one vendor account and model, taken all at once or not at all.
 *
 * Guarantees: never more than the limits admit in any window of their kind; never idle while a call that fits waits; first in, first
 * out per key, fair shares across keys; a slot is handed to the next waiter in the tick it comes free; every wait ends by admission,
 * abort or error. Memory O(waiting + in flight). One timer in all.
 *
 * With no limit named it learns: from headers where there are any, else from refusals and latency.
 *
 * @throws SluiceError `invalid-option` naming path, wanted, got
 * @example
 * ```ts
 * const quota = createQuota({ requestsPerMinute: 500, tokensPerMinute: 200_000 })
 * const permit = await quota.admit({ inputTokens: 900, outputTokens: 300 })
 * permit.settle("success", { inputTokens: 900, outputTokens: 120 })
 * ```
 */
export function createQuota(options: QuotaOptions = {}): Quota {
  checkQuotaOptions(options)
  return new LiveQuota(options)
}

/**
 * Calls that leave in one turn of the event loop: who is admitted runs at once, and a thousand of them would reach the vendor
 * seconds after they were counted, while refusals lie unread.
 */
const mostPerTurn = 32

/** The line of those that send none. */
const noRequest = "no request"

const oneRequest: Cost = Object.freeze({ requests: 1 })

class LiveQuota implements Quota {
  readonly name: string
  readonly #clock: Clock
  readonly #events: QuotaEvents | undefined
  readonly #learning: QuotaLearning
  readonly #maxQueue: number
  readonly #weights: Readonly<Record<string, number>>
  readonly #beliefs: QuotaBeliefs
  readonly #queue: FairQueue<QueuedCall>
  readonly #groups = new AbortGroups<QueuedCall>((waiter, reason) => this.#leave(waiter, reason))
  readonly #deadlines = new IndexedHeap<Deadline>((a, b) => a.atMs < b.atMs)
  #told: QuotaLimits
  #newest: LivePermit | undefined
  #cancelTimer: (() => void) | undefined
  #timerMs = Infinity
  #dispatching = false
  #again = false
  #fatal: SluiceError | undefined
  #fatalUntilMs = Infinity
  #closing: { readonly done: Promise<void>; readonly resolve: () => void } | undefined

  constructor(options: QuotaOptions) {
    this.name = options.name ?? quotaDefaults.name
    this.#told = options
    this.#clock = options.clock ?? systemClock
    this.#maxQueue = options.maxQueue ?? quotaDefaults.maxQueue
    this.#weights = options.weights ?? {}
    const random = options.random ?? systemRandom
    this.#beliefs = new QuotaBeliefs(options, this.#clock.now(), this.#clock.wallNow())
    this.#learning = new QuotaLearning(this.#beliefs, () => random.next())
    this.#events = options.onEvent && new QuotaEvents(this.name, options.onEvent, this.#beliefs)
    this.#queue = new FairQueue((key) => this.#weights[key] ?? 1)
  }

  tryAdmit(cost: Cost = oneRequest, options?: AdmitOptions): Permit | undefined {
    if ((this.#queue.size > 0 && sends(cost)) || this.#closedBy() || options?.signal?.aborted) return undefined
    const nowMs = this.#clock.now()
    return this.#beliefs.fits(nowMs, cost) ? this.#grant(nowMs, nowMs, cost, options?.key, currentScope()) : undefined
  }

  admit(cost: Cost = oneRequest, options?: AdmitOptions): Promise<Permit> {
    const scope = currentScope()
    const signal = options?.signal ?? scope?.signal
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    if (scope?.signal?.aborted) return Promise.reject(scope.signal.reason as Error)
    const ended = this.#closedBy()
    if (ended) return Promise.reject(ended)
    const nowMs = this.#clock.now()
    if (this.#queue.size === 0 && this.#beliefs.fits(nowMs, cost)) {
      return Promise.resolve(this.#grant(nowMs, nowMs, cost, options?.key, scope))
    }
    const oversize = this.#beliefs.oversize(options?.certain ?? cost)
    if (oversize) return Promise.reject(errors.oversize(this.name, oversize))
    return this.#enqueue(nowMs, options?.certain ? this.#beliefs.within(cost) : cost, options, scope, signal)
  }

  snapshot(): QuotaSnapshot {
    return snapshotOf(this.name, this.#beliefs, this.#clock.now(), this.#queue.size)
  }

  explain(count = 20): WaitExplanation[] {
    return explainWaits(this.#queue, this.#beliefs, this.#newest, this.#clock.now(), count)
  }

  retune(limits: QuotaLimits): void {
    checkRetune(limits, this.#told)
    this.#told = mergeTold(this.#told, limits)
    this.#fatal = undefined
    this.#beliefs.retune(limits, this.#clock.now(), this.#clock.wallNow())
    this.#dispatch()
  }

  async close(options: { readonly reject?: boolean } = {}): Promise<void> {
    if (!this.#closing) {
      let resolve!: () => void
      const done = new Promise<void>((settle) => (resolve = settle))
      this.#closing = { done, resolve }
    }
    if (options.reject) this.#failQueue(errors.closed(this.name))
    this.#finishClosing()
    await this.#closing.done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Called by a permit, once. */
  settled(permit: LivePermit, outcome: SettleOutcome, actual: Cost | undefined, feedback: Feedback | undefined): void {
    const nowMs = this.#clock.now()
    this.#unlink(permit)
    if (permit.scope) countInScope(permit.scope, "holding", -1)
    const verdict = this.#learning.settle(nowMs, permit, { outcome, actual, feedback })
    this.#events?.settled(nowMs, permit, outcome, feedback, verdict)
    if (verdict.fatal) {
      this.#fatal = errors.exhausted(this.name, verdict.fatal, feedback?.refusal?.message, verdict.exhaustedMs)
      this.#fatalUntilMs = verdict.fatal === "daily" ? nowMs + (verdict.exhaustedMs ?? Infinity) : Infinity
      this.#failQueue(this.#fatal)
    }
    if (this.#queue.size > 0) this.#dispatch()
    else this.#finishClosing()
  }

  #closedBy(): SluiceError | undefined {
    if (this.#fatal && this.#clock.now() >= this.#fatalUntilMs) this.#fatal = undefined
    if (this.#fatal) return this.#fatal
    return this.#closing && errors.closed(this.name)
  }

  #enqueue(
    nowMs: number,
    cost: Cost,
    options: AdmitOptions | undefined,
    scope: TaskScope | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Permit> {
    if (this.#queue.size >= this.#maxQueue) return Promise.reject(errors.queueFull(this.name, this.#maxQueue))
    const deadlineMs = options?.deadlineMs
    if (deadlineMs !== undefined) {
      const block = this.#beliefs.block(nowMs, cost)
      if (block && Number.isFinite(block.ms) && block.ms > deadlineMs) {
        return Promise.reject(errors.deadline(this.name, block.by, block.ms, deadlineMs))
      }
    }
    // What sends no request is held back by no gate and no rate, and goes past those that are.
    const [key, priority] = sends(cost)
      ? [options?.key ?? "", options?.priority ?? scope?.priority ?? 0]
      : [noRequest, Infinity]
    const waiter = new QueuedCall(cost, options?.certain, key, priority, nowMs, scope)
    try {
      // Rates come back by themselves; places that are held by those who wait for more of them never do.
      if (scope) waiter.atEnd(assertNoReentry(this, scope, this.#beliefs.concurrency.limit))
    } catch (error) {
      return Promise.reject(error)
    }
    const promise = waiter.wait()
    // Many calls share their scope's signal; one that a call has besides is mostly its own.
    const shared = scope?.signal ?? signal
    if (shared) this.#groups.join(waiter, shared)
    if (signal && signal !== shared) waiter.atEnd(onAbort(signal, () => this.#leave(waiter, signal.reason)))
    const mayBeNext = this.#queue.push(waiter)
    if (deadlineMs !== undefined) {
      const deadline: Deadline = { atMs: nowMs + deadlineMs, waiter, heapIndex: -1 }
      this.#deadlines.push(deadline)
      waiter.atEnd(() => this.#deadlines.remove(deadline))
    }
    this.#events?.waiting(nowMs, waiter, this.#queue.size)
    // A newcomer behind others changes nothing for the head.
    if (mayBeNext || deadlineMs !== undefined) this.#dispatch()
    return promise
  }

  /** Admits whoever fits, in fair order, then sleeps until the first of the rest may fit. */
  #dispatch(): void {
    if (this.#dispatching) {
      this.#again = true
      return
    }
    this.#dispatching = true
    do {
      this.#again = false
      this.#dispatchOnce()
    } while (this.#again)
    this.#dispatching = false
    this.#finishClosing()
  }

  #dispatchOnce(): void {
    const beliefs = this.#beliefs
    const nowMs = this.#clock.now()
    this.#expire(nowMs)
    for (let admitted = 0; ;) {
      let blocked: Set<Block["dimension"]> | undefined
      let hopeless: { waiter: QueuedCall; block: Block } | undefined
      let soonest = Infinity
      const waiter = this.#queue.next((candidate) => {
        if (blocked && uses(candidate.cost, blocked)) return "skip"
        const block = beliefs.block(nowMs, candidate.cost)
        if (!block) return "take"
        if (block.total && this.#endsQueue(block)) {
          hopeless = { waiter: candidate, block }
          return "stop"
        }
        soonest = Math.min(soonest, nowMs + block.ms)
        // Every call takes a request and a place: behind those nothing else can pass.
        if (block.dimension === "gate" || block.dimension === "requests" || block.dimension === "concurrency")
          return "stop"
        ;(blocked ??= new Set()).add(block.dimension)
        return "skip"
      })
      if (waiter) {
        this.#admitWaiter(nowMs, waiter)
        if (++admitted < mostPerTurn || this.#queue.size === 0) continue
        this.#sleepUntil(nowMs, nowMs)
        return
      }
      if (hopeless) {
        this.#endHopeless(nowMs, hopeless.waiter, hopeless.block)
        continue
      }
      this.#sleepUntil(nowMs, Math.min(soonest, this.#deadlines.first()?.atMs ?? Infinity))
      return
    }
  }

  #endsQueue(block: Block): boolean {
    if (block.total === "never") return true
    if (block.total === "budget") return this.#newest === undefined
    return this.#closing !== undefined || this.#beliefs.failsDaily
  }

  #endHopeless(nowMs: number, waiter: QueuedCall, block: Block): void {
    if (block.total === "day") {
      this.#fatal = errors.exhausted(this.name, "daily", undefined, block.ms)
      this.#fatalUntilMs = nowMs + block.ms
      this.#failQueue(this.#fatal)
      return
    }
    const oversize = this.#beliefs.oversize(waiter.certain ?? waiter.cost)
    if (block.total === "never" && !oversize) {
      waiter.cost = this.#beliefs.within(waiter.cost)
      return
    }
    const left = this.#beliefs.budgetLeft()
    this.#leave(
      waiter,
      oversize ? errors.oversize(this.name, oversize) : errors.budget(this.name, waiter.cost.usd ?? 0, left),
    )
  }

  #admitWaiter(nowMs: number, waiter: QueuedCall): void {
    this.#groups.part(waiter)
    waiter.admit(this.#grant(nowMs, waiter.enqueuedMs, waiter.cost, waiter.key, waiter.scope))
  }

  #grant(nowMs: number, sinceMs: number, cost: Cost, key: string | undefined, scope: TaskScope | undefined): Permit {
    const beliefs = this.#beliefs
    const opened = beliefs.take(nowMs, cost)
    if (key !== undefined && this.#queue.size > 0) this.#queue.charge(key, beliefs.weighMs(cost))
    // Where places alone are scarce, those who wait leave in the same moment as far as there are any: they run beside this one.
    const together = beliefs.rates.length === 0 ? Math.min(this.#queue.size, beliefs.concurrency.level()) : 0
    const inFlight = beliefs.concurrency.running + together
    const permit = new LivePermit(this, cost, nowMs, scope, inFlight, beliefs.anchors(nowMs))
    permit.next = this.#newest
    if (this.#newest) this.#newest.previous = permit
    this.#newest = permit
    if (scope) countInScope(scope, "holding", 1)
    this.#events?.admitted(nowMs, permit, key ?? "", sinceMs, opened)
    return permit
  }

  #unlink(permit: LivePermit): void {
    if (permit.previous) permit.previous.next = permit.next
    else this.#newest = permit.next
    if (permit.next) permit.next.previous = permit.previous
  }

  /** A waiter ends without a permit. */
  #leave(waiter: QueuedCall, reason: unknown): void {
    if (waiter.gone) return
    waiter.fail(reason)
    this.#groups.part(waiter)
    this.#queue.left(waiter)
    if (this.#queue.size === 0) {
      this.#sleepUntil(0, Infinity)
      this.#finishClosing()
    } else if (!this.#dispatching && !this.#groups.isAborting) this.#dispatch()
  }

  #expire(nowMs: number): void {
    for (let first = this.#deadlines.first(); first && first.atMs <= nowMs; first = this.#deadlines.first()) {
      const { waiter } = first
      const waitedMs = nowMs - waiter.enqueuedMs
      const by = this.#beliefs.block(nowMs, waiter.cost)?.by ?? "the calls ahead of it"
      this.#leave(waiter, errors.deadline(this.name, by, undefined, waitedMs))
    }
  }

  #failQueue(error: SluiceError): void {
    const dispatching = this.#dispatching
    this.#dispatching = true
    for (const waiter of this.#queue) this.#leave(waiter, error)
    this.#dispatching = dispatching
  }

  #finishClosing(): void {
    if (this.#closing && this.#queue.size === 0 && this.#newest === undefined) this.#closing.resolve()
  }

  #sleepUntil(nowMs: number, wakeMs: number): void {
    if (wakeMs === this.#timerMs) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerMs = wakeMs
    if (wakeMs === Infinity) return
    this.#cancelTimer = this.#clock.setTimer(wakeMs - nowMs, () => {
      this.#cancelTimer = undefined
      this.#timerMs = Infinity
      this.#dispatch()
    })
  }
}
