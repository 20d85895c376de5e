import { runInScope, type Outcome, type TaskScope } from "@sluice/core"
import { captureContext, type InContext } from "./async-context.ts"
import { Attempt, type ItemFunction } from "./attempt.ts"
import type { AutoGate } from "./auto-gate.ts"
import type { ItemPlan } from "./item-plan.ts"
import { ItemScope } from "./item-scope.ts"
import { runItem } from "./run-item.ts"

/** What the workers of a map have in common. */
export interface Job<I, O> {
  readonly fn: ItemFunction<I, O>
  readonly plan: ItemPlan<I, O>
  readonly parent: TaskScope | undefined
  readonly signal: AbortSignal
  readonly gate: AutoGate | undefined
  /** Called with what the worker made of its item: nothing, when an abort ended it. */
  readonly onEnd: (worker: MapWorker<I, O>, outcome: Outcome<O> | undefined) => void
}

/**
 * Runs items of a map in one slot, one at a time. A worker is callbacks rather than a loop, and its items share its scope: an
 * item costs one promise. The items of an auto batch have scopes of their own (0.2 µs), for its gate counts what each one holds.
 */
export class MapWorker<I, O> {
  /** Gives the slot back. */
  readonly leave: () => void
  readonly #job: Job<I, O>
  readonly #inContext: InContext
  readonly #attempt: Attempt<I, O>
  #scope: ItemScope

  constructor(job: Job<I, O>, leave: () => void) {
    const { parent, signal, plan, gate } = job
    this.#job = job
    this.leave = leave
    this.#attempt = new Attempt(job.fn, plan)
    this.#scope = new ItemScope(parent, undefined, signal, plan.priority)
    this.#inContext = gate ? captureContext() : runInScope(this.#scope, captureContext)
  }

  run(item: I, index: number): void {
    const { fn, plan, parent, signal, gate } = this.#job
    if (gate) this.#scope = new ItemScope(parent, index, signal, plan.priority, gate)
    else this.#scope.index = index
    const scope = this.#scope
    if (plan.isSingle) {
      this.#attempt.prepare(item, index, 1, scope)
      this.#inScope(this.#begin).then(this.#succeed, this.#fail)
    } else {
      this.#inScope(() => runItem(item, index, fn, plan, scope)).then(this.#end, () => this.#end(undefined))
    }
  }

  #inScope<R>(fn: () => Promise<R>): Promise<R> {
    return this.#job.gate ? this.#inContext(runInScope, this.#scope, fn) : this.#inContext(fn)
  }

  readonly #begin = (): Promise<O> => {
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
    this.#end(outcome)
  }

  readonly #fail = (error: unknown): void => {
    let outcome: Outcome<O>
    try {
      outcome = this.#attempt.fail(error)
    } catch (thrown) {
      outcome = this.#broken(thrown)
    }
    this.#end(this.#job.signal.aborted ? undefined : outcome)
  }

  /** What a limiter or a listener throws as the attempt ends is the item's failure. */
  #broken(error: unknown): Outcome<O> {
    return { status: "failed", index: this.#scope.index!, error, attempts: 1 }
  }

  readonly #end = (outcome: Outcome<O> | undefined): void => {
    this.#job.gate?.leave(this.#scope)
    this.#job.onEnd(this, outcome)
  }
}
