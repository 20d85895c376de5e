import { enterScope, runInScope, type Outcome, type TaskScope } from "@sluice/core"
import { captureContext, type InContext } from "../runtime/async-context.ts"
import { Attempt, type ItemFunction } from "../item/attempt.ts"
import type { AutoGate } from "./auto-gate.ts"
import type { ItemPlan } from "../item/plan.ts"
import { ItemScope } from "../item/item-scope.ts"
import { runItem } from "../item/run-item.ts"

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
 * Runs items of a map in one slot, one at a time. A worker is callbacks rather than a loop: an item costs one promise.
 *
 * Plain items share their worker's scope. Where it matters what an item holds, to the gate of an auto batch or to those who admit,
 * each has one of its own (0.1 µs), so that work it leaves behind is not taken for the next item's.
 */
export class MapWorker<I, O> {
  /** Gives the slot back. */
  readonly leave: () => void
  readonly #job: Job<I, O>
  readonly #inContext: InContext
  readonly #isPlain: boolean
  readonly #attempt: Attempt<I, O>
  #scope: ItemScope

  constructor(job: Job<I, O>, leave: () => void) {
    const { fn, parent, signal, plan, gate } = job
    this.#job = job
    this.leave = leave
    this.#attempt = new Attempt(fn, plan)
    this.#scope = new ItemScope(parent, undefined, signal, plan.priority)
    this.#isPlain = !gate && !plan.limiter
    this.#inContext = this.#isPlain ? runInScope(this.#scope, captureContext) : captureContext()
  }

  run(item: I, index: number): void {
    const { fn, plan, parent, signal, gate } = this.#job
    if (this.#isPlain) this.#scope.index = index
    else this.#scope = new ItemScope(parent, index, signal, plan.priority, gate)
    const scope = this.#scope
    if (plan.isSingle) {
      this.#attempt.prepare(item, index, 1, scope)
      this.#inContext(this.#begin).then(this.#succeed, this.#fail)
    } else {
      this.#inContext(runInScope, scope, () => runItem(item, index, fn, plan, scope)).then(this.#end, () =>
        this.#end(undefined),
      )
    }
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
