import {
  enterScope,
  runInScope,
  Scope,
  type ItemWork,
  type MaybePromise,
  type Outcome,
  type TaskScope,
} from "@sluice/core"
import { isPromiseLike } from "@sluice/core/internal"
import { ItemAttempt } from "../item/item-attempt.ts"
import type { ItemPlan } from "../item/plan.ts"
import { runItem } from "../item/run-item.ts"
import { captureContext, type InContext } from "../runtime/async-context.ts"
import type { AutoConcurrency } from "./auto-concurrency.ts"

/** What the workers of a map have in common. */
export interface Job<I, O> {
  readonly plan: ItemPlan<I, O>
  readonly parent: TaskScope | undefined
  readonly priority: number | undefined
  readonly signal: AbortSignal
  readonly auto: AutoConcurrency | undefined
  /** What surrounds an item threw: the map cannot go on. */
  readonly onBroken: (reason: unknown) => void
  /** Called with what the worker made of its item, which was the `position`th: nothing, when it was dropped. */
  readonly onEnd: (worker: MapWorker<I, O>, position: number, outcome: Outcome<O> | undefined) => void
}

/**
 * Runs items of a map in one slot, one at a time. A worker is callbacks rather than a loop: an item costs one promise.
 *
 * Plain items share their worker's scope. Items of an auto map, under a limiter, or with a scope that `open` made have one each
 * (0.1 µs): there it matters what an item holds, and what one leaves behind must not be counted as the next one's.
 */
export class MapWorker<I, O> {
  /** Gives the slot back. */
  readonly leave: () => void
  readonly #job: Job<I, O>
  readonly #inContext: InContext
  readonly #isPlain: boolean
  readonly #attempt: ItemAttempt<I, O>
  #scope: Scope
  #item!: I
  #position = 0

  constructor(job: Job<I, O>, leave: () => void) {
    const { parent, signal, plan, auto, priority } = job
    const { work, policy, isSingle } = plan
    this.#job = job
    this.leave = leave
    this.#attempt = new ItemAttempt(plan)
    this.#scope = new Scope(parent, 0, signal, priority)
    this.#isPlain = isSingle && !auto && !work.open && !policy.limiter && policy.timeoutMs === undefined
    this.#inContext = this.#isPlain ? runInScope(this.#scope, captureContext) : captureContext()
  }

  run(item: I, position: number): void {
    const { plan, onBroken, onEnd } = this.#job
    this.#item = item
    this.#position = position
    try {
      this.#openScope()
    } catch (error) {
      onBroken(error)
      return onEnd(this, position, undefined)
    }
    const scope = this.#scope
    if (!plan.isSingle) this.#inContext(runInScope, scope, () => runItem(item, scope, plan)).then(this.#end, this.#drop)
    else if (plan.work.known) this.#recall(plan.work.known)
    else this.#start()
  }

  /** One attempt; `runItem` does the same and more, for the price of three promises. */
  #start(): void {
    const scope = this.#scope
    const context = this.#isPlain ? { index: this.#position, attempt: 1, signal: this.#job.signal } : scope
    this.#attempt.prepare(this.#item, scope, context)
    this.#inContext(this.#begin).then(this.#succeed, this.#fail)
  }

  #recall(known: NonNullable<ItemWork<I, O>["known"]>): void {
    let found: MaybePromise<Outcome<O> | undefined>
    try {
      found = known(this.#item, this.#scope)
    } catch (error) {
      found = Promise.reject(error)
    }
    if (found === undefined) this.#start()
    // Never at once: items that are all known would start each other, ever deeper in the call stack.
    else Promise.resolve(found).then(this.#recalled, this.#drop)
  }

  readonly #recalled = (standIn: Outcome<O> | undefined): void => {
    if (standIn) this.#end(standIn)
    else this.#start()
  }

  #openScope(): void {
    const { parent, signal, auto, priority, plan } = this.#job
    const { open } = plan.work
    if (open) this.#scope = open(this.#item, this.#position, signal)
    else if (this.#isPlain) this.#scope.index = this.#position
    else this.#scope = new Scope(parent, this.#position, signal, priority)
    auto?.enter(this.#scope)
  }

  readonly #begin = (): Promise<O> => {
    if (!this.#isPlain) enterScope(this.#scope)
    try {
      return Promise.resolve(this.#attempt.begin())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  readonly #succeed = (value: O): void => {
    let outcome: Outcome<O>
    try {
      outcome = this.#attempt.succeed(value)
    } catch (error) {
      outcome = this.#broken(error)
    }
    this.#settle(outcome)
  }

  readonly #fail = (error: unknown): void => {
    let outcome: Outcome<O>
    try {
      outcome = this.#attempt.fail(error)
    } catch (thrown) {
      outcome = this.#broken(thrown)
    }
    if (this.#job.signal.aborted) this.#drop(this.#job.signal.reason)
    else this.#settle(outcome)
  }

  /** What a limiter or a listener throws as the attempt ends is the item's failure. */
  #broken(error: unknown): Outcome<O> {
    return { status: "failed", index: this.#scope.index, error, attempts: 1 }
  }

  #settle(outcome: Outcome<O>): void {
    const { settled } = this.#job.plan.work
    if (!settled) return this.#end(outcome)
    try {
      const counted = settled(outcome, this.#item, this.#scope)
      if (isPromiseLike(counted)) counted.then((last) => this.#end(last ?? outcome), this.#drop)
      else this.#end(counted ?? outcome)
    } catch (error) {
      this.#drop(error)
    }
  }

  readonly #end = (outcome: Outcome<O> | undefined): void => {
    this.#job.auto?.leave(this.#scope)
    this.#job.onEnd(this, this.#position, outcome)
  }

  /** No outcome: the map was stopped, or what surrounds the item threw, which stops it. */
  readonly #drop = (reason: unknown): void => {
    const { plan, signal, onBroken } = this.#job
    plan.work.dropped?.(reason, this.#item, this.#scope)
    if (!signal.aborted) onBroken(reason)
    this.#end(undefined)
  }
}
