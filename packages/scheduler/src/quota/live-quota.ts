import {
  type AdmitOptions,
  type Settlement,
  type Clock,
  type Cost,
  countInScope,
  currentScope,
  type Permit,
  type QuotaState,
  SluiceError,
  type TaskScope,
} from "@sluice/core"
import { AbortGroups } from "../queue/abort-groups.ts"
import { explainWaits } from "./explain-waits.ts"
import { FairQueue } from "../queue/fair-queue.ts"
import { HeldPermits } from "./held-permits.ts"
import { IndexedHeap } from "../queue/indexed-heap.ts"
import { LivePermit } from "./permit.ts"
import { nextCall } from "../queue/next-call.ts"
import { onAbort } from "../queue/on-abort.ts"
import { lateBy } from "./late-by.ts"
import { type Deadline, QueuedCall } from "./queued-call.ts"
import type { Ask, Block, Ledger } from "./ledger.ts"
import { sends } from "../ledger/state.ts"
import * as errors from "./errors.ts"
import { QuotaEvents } from "./events.ts"
import { QuotaWarnings } from "./quota-warnings.ts"
import { checkRetune, mergeTold, quotaDefaults, type QuotaLimits, type QuotaOptions } from "./options.ts"
import { assertNoReentry } from "../queue/reentry.ts"
import type { QuotaSnapshot, WaitExplanation } from "./snapshot.ts"
import { Alarm } from "../runtime/alarm.ts"
import { systemClock } from "../runtime/system-clock.ts"
import type { Quota } from "./quota.ts"
import type { ToldWait } from "./told-wait.ts"

/**
 * Calls that leave in one turn of the event loop: who is admitted runs at once, and a thousand of them would reach the vendor
 * seconds after they were counted, while refusals lie unread.
 */
const mostPerTurn = 32
/** The line of those that send none. */
const noRequest = "no request"

const oneRequest: Cost = Object.freeze({ requests: 1 })

/** The queue of a quota, before a ledger. */
export class LiveQuota implements Quota {
  readonly name: string
  readonly #clock: Clock
  readonly #events: QuotaEvents | undefined
  readonly #warnings: QuotaWarnings
  readonly #ledger: Ledger
  readonly #maxQueue: number
  readonly #failsDaily: boolean
  readonly #weights: Readonly<Record<string, number>>
  readonly #queue: FairQueue<QueuedCall>
  readonly #groups = new AbortGroups<QueuedCall>((waiter, reason) => this.#leave(waiter, reason))
  readonly #deadlines = new IndexedHeap<Deadline>((a, b) => a.atMs < b.atMs)
  readonly #held = new HeldPermits()
  readonly #alarm: Alarm
  #told: QuotaLimits
  #dispatching = false
  #again = false
  #fatal: SluiceError | undefined
  #fatalUntilMs = Infinity
  #closing: { readonly done: Promise<void>; readonly resolve: () => void } | undefined

  constructor(ledger: Ledger, options: QuotaOptions) {
    this.name = options.name ?? quotaDefaults.name
    this.#told = options
    this.#clock = options.clock ?? systemClock
    this.#alarm = new Alarm(this.#clock, () => this.#dispatch())
    this.#maxQueue = options.maxQueue ?? quotaDefaults.maxQueue
    this.#failsDaily = (options.onExhausted ?? quotaDefaults.onExhausted) === "fail"
    this.#weights = options.weights ?? {}
    this.#ledger = ledger
    this.#events = options.onEvent && new QuotaEvents(this.name, options.onEvent, ledger, () => this.#state())
    this.#warnings = new QuotaWarnings(this.name, options.onEvent)
    this.#queue = new FairQueue((tenant) => (this.#weights[tenant] ?? 1) / (ledger.sharers?.(tenant) ?? 1))
    ledger.attach(
      () => this.#dispatch(),
      (error, untilMs = Infinity) => this.#end(error, untilMs),
    )
    this.#events?.opened()
  }

  tryAdmit(cost: Cost = oneRequest, options?: AdmitOptions): Permit | undefined {
    if ((this.#queue.size > 0 && sends(cost)) || this.#closedBy() || options?.signal?.aborted) return undefined
    const nowMs = this.#clock.now()
    const ask: Ask = { cost, place: options?.place !== false }
    if (!this.#ledger.fits(nowMs, ask)) return undefined
    return this.#grant(nowMs, nowMs, ask, options?.tenant, currentScope())
  }

  admit(cost: Cost = oneRequest, options?: AdmitOptions): Promise<Permit> {
    const scope = currentScope()
    const signal = options?.signal ?? scope?.signal
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    if (scope?.signal?.aborted) return Promise.reject(scope.signal.reason as Error)
    const ended = this.#closedBy()
    if (ended) return Promise.reject(ended)
    const nowMs = this.#clock.now()
    const ask: Ask = { cost, place: options?.place !== false }
    if (this.#queue.size === 0 && this.#ledger.fits(nowMs, ask)) {
      return Promise.resolve(this.#grant(nowMs, nowMs, ask, options?.tenant, scope))
    }
    const oversize = this.#ledger.oversize(options?.certain ?? cost)
    if (oversize) return Promise.reject(errors.oversize(this.name, oversize))
    return this.#enqueue(
      nowMs,
      options?.certain ? { ...ask, cost: this.#ledger.within(cost) } : ask,
      options,
      scope,
      signal,
    )
  }

  snapshot(): QuotaSnapshot {
    const nowMs = this.#clock.now()
    const [first] = this.explain(1)
    const next = first && {
      blockedBy: first.blockedBy,
      ...(first.untilMs !== undefined && { inMs: Math.max(0, first.untilMs - nowMs) }),
    }
    return { name: this.name, waiting: this.#queue.size, ...(next && { next }), ...this.#ledger.snapshot(nowMs) }
  }

  #state(): QuotaState {
    const atMs = this.#clock.now()
    const wallMs = this.#clock.wallNow()
    return { quota: this.name, atMs, wallMs, waiting: this.#queue.size, ...this.#ledger.snapshot(atMs) }
  }

  explain(count = 20): WaitExplanation[] {
    return explainWaits(this.#queue, this.#ledger, this.#held.newest, this.#clock.now(), count)
  }

  retune(limits: QuotaLimits): void {
    checkRetune(limits, this.#told)
    this.#told = mergeTold(this.#told, limits)
    this.#fatal = undefined
    this.#ledger.retune(limits, this.#clock.now(), this.#clock.wallNow(), this.#told)
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
    await this.#ledger.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Called by a permit, once. */
  settled(permit: LivePermit, end: Settlement): void {
    const nowMs = this.#clock.now()
    this.#held.remove(permit)
    if (permit.scope) countInScope(permit.scope, "holding", -1)
    const verdict = this.#ledger.settle(nowMs, permit, end)
    this.#events?.settled(nowMs, permit, end, verdict)
    if (sends(permit.cost)) this.#warnings.settled(nowMs, end, verdict)
    if (verdict.fatal) {
      const { why, resetMs } = verdict.fatal
      const said = end.outcome === "throttled" ? end.message : undefined
      const untilMs = why === "daily" ? nowMs + (resetMs ?? Infinity) : Infinity
      this.#end(errors.exhausted(this.name, why, said, resetMs), untilMs)
    }
    if (this.#queue.size > 0) this.#dispatch()
    else this.#finishClosing()
  }

  /** Nothing is admitted until then, and nobody waits for it. */
  #end(error: SluiceError, untilMs: number): void {
    this.#fatal = error
    this.#fatalUntilMs = untilMs
    this.#failQueue(error)
  }

  #closedBy(): SluiceError | undefined {
    if (this.#fatal && this.#clock.now() >= this.#fatalUntilMs) this.#fatal = undefined
    if (this.#fatal) return this.#fatal
    return this.#closing && errors.closed(this.name)
  }

  #enqueue(
    nowMs: number,
    ask: Ask,
    options: AdmitOptions | undefined,
    scope: TaskScope | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Permit> {
    if (this.#queue.size >= this.#maxQueue) return Promise.reject(errors.queueFull(this.name, this.#maxQueue))
    const maxWaitMs = options?.maxWaitMs
    const sinceMs = options?.since ?? nowMs
    // What sends no request is held back by no gate and no rate, and goes past those that are.
    const line = sends(ask.cost)
      ? { key: options?.tenant ?? "", priority: options?.priority ?? scope?.priority ?? 0, sinceMs }
      : { key: noRequest, priority: Infinity, sinceMs }
    const waiter = new QueuedCall(ask, options?.certain, line, nowMs, scope)
    const late =
      maxWaitMs === undefined ? undefined : lateBy(this.name, this.#queue, this.#ledger, { nowMs, waiter, maxWaitMs })
    if (late) return Promise.reject(late)
    try {
      // Rates come back by themselves; places that are held by those who wait for more of them never do.
      if (scope) waiter.atEnd(assertNoReentry(this, scope, this.#ledger.places().limit))
    } catch (error) {
      return Promise.reject(error)
    }
    const promise = waiter.wait()
    // Many calls share their scope's signal; one that a call has besides is mostly its own.
    const shared = scope?.signal ?? signal
    if (shared) this.#groups.join(waiter, shared)
    if (signal && signal !== shared) waiter.atEnd(onAbort(signal, () => this.#leave(waiter, signal.reason)))
    const mayBeNext = this.#queue.push(waiter)
    if (maxWaitMs !== undefined) {
      const deadline: Deadline = { atMs: nowMs + maxWaitMs, waiter, heapIndex: -1 }
      this.#deadlines.push(deadline)
      waiter.atEnd(() => this.#deadlines.remove(deadline))
    }
    this.#events?.waiting(nowMs, waiter, this.#queue.size)
    // A newcomer behind others changes nothing for the head.
    if (mayBeNext || maxWaitMs !== undefined) this.#dispatch()
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
    this.#ledger.want?.(this.#queue, this.#queue.size)
    this.#finishClosing()
  }

  #dispatchOnce(): void {
    const nowMs = this.#clock.now()
    this.#expire(nowMs)
    for (let admitted = 0; ;) {
      const { waiter, hopeless, soonestMs } = nextCall(this.#queue, this.#ledger, nowMs, this.#endsQueue)
      if (waiter) {
        this.#admitWaiter(nowMs, waiter)
        if (++admitted < mostPerTurn || this.#queue.size === 0) continue
        this.#alarm.set(nowMs, nowMs)
        return
      }
      if (hopeless) {
        this.#endHopeless(nowMs, hopeless.waiter, hopeless.block)
        continue
      }
      this.#alarm.set(nowMs, Math.min(soonestMs, this.#deadlines.first()?.atMs ?? Infinity))
      return
    }
  }

  readonly #endsQueue = (block: Block): boolean => {
    if (block.total === "never") return true
    if (block.total === "budget") return this.#held.newest === undefined
    return this.#closing !== undefined || this.#failsDaily
  }

  #endHopeless(nowMs: number, waiter: QueuedCall, block: Block): void {
    if (block.total === "day") {
      return this.#end(errors.exhausted(this.name, "daily", undefined, block.ms), nowMs + block.ms)
    }
    const oversize = this.#ledger.oversize(waiter.certain ?? waiter.cost)
    if (block.total === "never" && !oversize) {
      waiter.cost = this.#ledger.within(waiter.cost)
      return
    }
    const left = this.#ledger.budgetLeft()
    this.#leave(
      waiter,
      oversize ? errors.oversize(this.name, oversize) : errors.budget(this.name, waiter.cost.usd ?? 0, left),
    )
  }

  #admitWaiter(nowMs: number, waiter: QueuedCall): void {
    this.#groups.part(waiter)
    waiter.admit(this.#grant(nowMs, waiter.enqueuedMs, waiter, waiter.key, waiter.scope, waiter.told))
  }

  #grant(
    nowMs: number,
    sinceMs: number,
    ask: Ask,
    tenant: string | undefined,
    scope: TaskScope | undefined,
    told?: ToldWait,
  ): Permit {
    const taken = this.#ledger.take(nowMs, ask, this.#queue.size)
    if (tenant !== undefined && this.#queue.size > 0) this.#queue.charge(tenant, this.#ledger.weighMs(ask.cost))
    const permit = new LivePermit(this, ask, nowMs, scope, taken)
    this.#held.add(permit)
    if (scope) countInScope(scope, "holding", 1)
    this.#events?.admitted(nowMs, permit, tenant ?? "", sinceMs, told)
    return permit
  }

  /** A waiter ends without a permit. */
  #leave(waiter: QueuedCall, reason: unknown): void {
    if (waiter.gone) return
    waiter.fail(reason)
    this.#groups.part(waiter)
    this.#queue.left(waiter)
    this.#events?.left(this.#clock.now(), waiter, reason, this.#queue.size)
    if (this.#queue.size === 0) {
      this.#alarm.set(0, Infinity)
      this.#finishClosing()
    } else if (!this.#dispatching && !this.#groups.isAborting) this.#dispatch()
  }

  #expire(nowMs: number): void {
    for (let first = this.#deadlines.first(); first && first.atMs <= nowMs; first = this.#deadlines.first()) {
      const { waiter } = first
      const waitedMs = nowMs - waiter.enqueuedMs
      const by = this.#ledger.block(nowMs, waiter)?.by ?? errors.ahead
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
    if (this.#closing && this.#queue.size === 0 && this.#held.newest === undefined) this.#closing.resolve()
  }
}
