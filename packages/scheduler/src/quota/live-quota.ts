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
import { wrongCost } from "@sluice/core/internal"
import { explainWaits } from "./telling/explain-waits.ts"
import { HeldPermits } from "./held-permits.ts"
import { LivePermit } from "./permit.ts"
import { nextCall } from "../queue/next-call.ts"
import { lateBy } from "./late-by.ts"
import { QueuedCall } from "./queued-call.ts"
import type { Block, Ledger } from "./ledger.ts"
import { sends } from "../ledger/state.ts"
import * as errors from "./errors.ts"
import { QuotaEnd } from "./quota-end.ts"
import { QuotaEvents } from "./telling/quota-events.ts"
import { QuotaWarnings } from "./telling/quota-warnings.ts"
import { checkRetune, mergeTold, quotaDefaults, type QuotaLimits, type QuotaOptions } from "./options.ts"
import { assertNoReentry } from "../queue/reentry.ts"
import type { QuotaSnapshot, WaitExplanation } from "./snapshot.ts"
import { Alarm } from "../runtime/alarm.ts"
import { systemClock } from "../runtime/system-clock.ts"
import type { Quota } from "./quota.ts"
import type { ToldWait } from "./telling/told-wait.ts"
import { CallQueue } from "./call-queue.ts"

/**
 * Calls that leave in one turn of the event loop: who is admitted runs at once, and a thousand of them would reach the vendor
 * seconds after they were counted, while refusals lie unread.
 */
const mostPerTurn = 32
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
  readonly #queue: CallQueue
  readonly #held = new HeldPermits(this.#permit(0, oneRequest, undefined, undefined))
  readonly #alarm: Alarm
  readonly #ended: QuotaEnd
  #told: QuotaLimits
  #dispatching = false
  #again = false

  constructor(ledger: Ledger, options: QuotaOptions) {
    this.name = options.name ?? quotaDefaults.name
    this.#told = options
    this.#clock = options.clock ?? systemClock
    this.#alarm = new Alarm(this.#clock, () => this.#dispatch())
    this.#maxQueue = options.maxQueue ?? quotaDefaults.maxQueue
    this.#failsDaily = (options.onExhausted ?? quotaDefaults.onExhausted) === "fail"
    this.#ledger = ledger
    this.#events = options.onEvent && new QuotaEvents(this.name, options.onEvent, ledger, () => this.#state())
    this.#warnings = new QuotaWarnings(this.name, options.onEvent)
    this.#ended = new QuotaEnd(this.name, this.#clock)
    this.#queue = new CallQueue(
      (tenant) => (options.weights?.[tenant] ?? 1) / (ledger.sharers?.(tenant) ?? 1),
      (waiter, reason) => this.#left(waiter, reason),
    )
    ledger.attach(
      () => this.#dispatch(),
      (error, untilMs = Infinity) => this.#end(error, untilMs),
    )
    this.#events?.opened()
  }

  tryAdmit(cost: Cost = oneRequest, options?: AdmitOptions): Permit | undefined {
    const wrong = wrongCost(this.name, "cost", cost)
    if (wrong) throw wrong
    if ((this.#queue.size > 0 && sends(cost)) || this.#ended.error() || options?.signal?.aborted) return undefined
    const nowMs = this.#clock.now()
    const permit = this.#permit(nowMs, cost, options, currentScope())
    return this.#ledger.fits(nowMs, permit) ? this.#grant(nowMs, nowMs, permit, options?.tenant) : undefined
  }

  admit(cost: Cost = oneRequest, options?: AdmitOptions): Promise<Permit> {
    const wrong = wrongCost(this.name, "cost", cost)
    if (wrong) return Promise.reject(wrong)
    const scope = currentScope()
    const signal = options?.signal ?? scope?.signal
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    if (scope?.signal?.aborted) return Promise.reject(scope.signal.reason as Error)
    const ended = this.#ended.error()
    if (ended) return Promise.reject(ended)
    const nowMs = this.#clock.now()
    const permit = this.#permit(nowMs, cost, options, scope)
    if (this.#queue.size === 0 && this.#ledger.fits(nowMs, permit))
      return Promise.resolve(this.#grant(nowMs, nowMs, permit, options?.tenant))
    const oversize = this.#ledger.oversize(options?.certain ?? cost)
    if (oversize) return Promise.reject(errors.oversize(this.name, oversize))
    return this.#enqueue(nowMs, permit, options, signal)
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
    const queue = { waiting: this.#queue.size, ...this.#ledger.snapshot(atMs) }
    return { quota: this.name, atMs, wallMs: this.#clock.wallNow(), ...queue }
  }

  explain(count = 20): WaitExplanation[] {
    return explainWaits(this.#queue, this.#ledger, this.#held.newest, this.#clock.now(), count)
  }

  retune(limits: QuotaLimits): void {
    checkRetune(limits, this.#told)
    this.#told = mergeTold(this.#told, limits)
    this.#ended.forget()
    this.#ledger.retune(limits, this.#clock.now(), this.#clock.wallNow(), this.#told)
    this.#dispatch()
  }

  async close(options: { readonly reject?: boolean } = {}): Promise<void> {
    const done = this.#ended.close(options)
    if (options.reject) this.#failQueue(errors.closed(this.name))
    this.#finishClosing()
    await done
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
    const consequence = this.#ledger.settle(nowMs, permit, end)
    this.#events?.settled(nowMs, permit, end, consequence)
    if (sends(permit.cost)) this.#warnings.settled(nowMs, end, consequence)
    if (consequence.fatal) {
      const { why, resetMs } = consequence.fatal
      const said = end.outcome === "throttled" ? end.message : undefined
      const untilMs = why === "daily" ? nowMs + (resetMs ?? Infinity) : Infinity
      this.#end(errors.exhausted(this.name, why, said, resetMs), untilMs)
    }
    if (this.#queue.size > 0) this.#dispatch()
    else this.#finishClosing()
  }

  /** Nothing is admitted until then, and nobody waits for it. */
  #end(error: SluiceError, untilMs: number): void {
    this.#ended.set(error, untilMs)
    this.#failQueue(error)
  }

  #enqueue(
    nowMs: number,
    permit: LivePermit,
    options: AdmitOptions | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Permit> {
    if (this.#queue.size >= this.#maxQueue) return Promise.reject(errors.queueFull(this.name, this.#maxQueue))
    const { certain, maxWaitMs } = options ?? {}
    const { place, priority, scope } = permit
    const cost = certain ? this.#ledger.within(permit.cost) : permit.cost
    const waiter = new QueuedCall({ cost, place, priority }, options, nowMs, scope)
    const late = lateBy(this.name, this.#queue, this.#ledger, { nowMs, waiter, maxWaitMs })
    if (late) return Promise.reject(late)
    try {
      // Rates come back by themselves; places that are held by those who wait for more of them never do.
      if (scope) waiter.atEnd(assertNoReentry(this, scope, this.#ledger.places().limit))
    } catch (error) {
      return Promise.reject(error)
    }
    const promise = waiter.wait()
    const mayBeNext = this.#queue.enter(waiter, signal, nowMs + (maxWaitMs ?? Infinity))
    this.#events?.waiting(nowMs, waiter, this.#queue.size)
    // A newcomer behind others changes nothing for the head.
    if (mayBeNext || maxWaitMs !== undefined) this.#dispatch()
    return promise
  }

  /** Admits whoever fits, in fair order, then sleeps until the first of the rest may fit. */
  #dispatch(): void {
    if (this.#dispatching) return void (this.#again = true)
    this.#dispatching = true
    do {
      this.#again = false
      this.#dispatchOnce()
    } while (this.#again)
    this.#dispatching = false
    this.#ledger.want?.(this.#queue)
    this.#finishClosing()
  }

  #dispatchOnce(): void {
    const nowMs = this.#clock.now()
    this.#expire(nowMs)
    for (let admitted = 0; ;) {
      const { waiter, hopeless, soonestMs } = nextCall(this.#queue, this.#ledger, nowMs, this.#endsQueue)
      if (waiter) {
        this.#queue.admitted(waiter)
        const { cost, place, priority, scope, enqueuedMs, key, told } = waiter
        const permit = new LivePermit(this, cost, place, priority, scope, nowMs)
        waiter.admit(this.#grant(nowMs, enqueuedMs, permit, key, told))
        if (++admitted < mostPerTurn || this.#queue.size === 0) continue
        this.#alarm.set(nowMs, nowMs)
        return
      }
      if (hopeless) {
        this.#endHopeless(nowMs, hopeless.waiter, hopeless.block)
        continue
      }
      this.#alarm.set(nowMs, Math.min(soonestMs, this.#queue.deadlineMs))
      return
    }
  }

  readonly #endsQueue = (block: Block): boolean => {
    if (block.total === "never") return true
    if (block.total === "budget") return this.#held.newest === undefined
    return this.#ended.isClosing || this.#failsDaily
  }

  #endHopeless(nowMs: number, waiter: QueuedCall, block: Block): void {
    if (block.total === "day")
      return this.#end(errors.exhausted(this.name, "daily", undefined, block.ms), nowMs + block.ms)
    const oversize = this.#ledger.oversize(waiter.certain ?? waiter.cost)
    if (block.total === "never" && !oversize) {
      waiter.cost = this.#ledger.within(waiter.cost)
      return
    }
    const left = this.#ledger.budgetLeft()
    this.#queue.leave(
      waiter,
      oversize ? errors.oversize(this.name, oversize) : errors.budget(this.name, waiter.cost.usd ?? 0, left),
    )
  }

  /** What a call asks for, which is its permit once that is granted. */
  #permit(nowMs: number, cost: Cost, options: AdmitOptions | undefined, scope: TaskScope | undefined): LivePermit {
    const priority = options?.priority ?? scope?.priority ?? 0
    return new LivePermit(this, cost, options?.place !== false, priority, scope, nowMs)
  }

  #grant(nowMs: number, sinceMs: number, permit: LivePermit, tenant: string | undefined, told?: ToldWait): Permit {
    const { cost, scope } = permit
    permit.took(this.#ledger.take(nowMs, permit, this.#queue.size))
    if (tenant !== undefined && this.#queue.size > 0) this.#queue.charge(tenant, this.#ledger.weighMs(cost))
    this.#held.add(permit)
    if (scope) countInScope(scope, "holding", 1)
    this.#events?.admitted(nowMs, permit, tenant ?? "", sinceMs, told)
    return permit
  }

  /** A waiter has ended without a permit. */
  #left(waiter: QueuedCall, reason: unknown): void {
    this.#events?.left(this.#clock.now(), waiter, reason, this.#queue.size)
    if (this.#queue.size === 0) {
      this.#alarm.set(0, Infinity)
      this.#finishClosing()
    } else if (!this.#dispatching && !this.#queue.isAborting) this.#dispatch()
  }

  #expire(nowMs: number): void {
    for (let late = this.#queue.overdue(nowMs); late; late = this.#queue.overdue(nowMs)) {
      const by = this.#ledger.block(nowMs, late)?.by ?? errors.ahead
      this.#queue.leave(late, errors.deadline(this.name, by, undefined, nowMs - late.enqueuedMs))
    }
  }

  #failQueue(error: SluiceError): void {
    const dispatching = this.#dispatching
    this.#dispatching = true
    for (const waiter of this.#queue) this.#queue.leave(waiter, error)
    this.#dispatching = dispatching
  }

  #finishClosing(): void {
    if (this.#queue.size === 0 && this.#held.newest === undefined) this.#ended.atRest()
  }
}
