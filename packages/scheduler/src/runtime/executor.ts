import {
  currentScope,
  runInScope,
  type AttemptContext,
  type Clock,
  type Executor,
  type ItemOptions,
  type MapOptions,
  type Outcome,
  type Random,
  type Runtime,
} from "@sluice/core"
import { itemPlan } from "../item/plan.ts"
import { ItemScope } from "../item/item-scope.ts"
import { parallelMap } from "../map/parallel-map.ts"
import { lendPlace } from "../item/lent-permit.ts"
import { runItem } from "../item/run-item.ts"
import { systemClock, systemRandom } from "./system-clock.ts"

/**
 * The executor that runs flows in parallel under limits: `map` is `parallelMap`, `run` is one item of it.
 *
 * @example
 * ```ts
 * const executor = parallelExecutor(systemClock, systemRandom)
 * await executor.run(2, 0, (n) => n * 2, {}) // => { status: "ok", index: 0, value: 4, attempts: 1 }
 * ```
 */
export function parallelExecutor(clock: Clock, random: Random): Executor {
  return {
    async run<I, O>(
      item: I,
      index: number,
      fn: (item: I, context: AttemptContext) => O | PromiseLike<O>,
      options: ItemOptions<I, O>,
    ): Promise<Outcome<O>> {
      const plan = itemPlan(options, clock, random)
      const parent = currentScope()
      const signal = options.signal ?? parent?.signal ?? new AbortController().signal
      if (signal.aborted) throw signal.reason
      const returnPlace = lendPlace(options.limiter, parent)
      try {
        const scope = new ItemScope(parent, undefined, signal, options.priority)
        return await runInScope(scope, runItem<I, O>, item, index, fn, plan, scope)
      } finally {
        await returnPlace()
      }
    },
    map<I, O>(
      source: Iterable<I> | AsyncIterable<I>,
      fn: (item: I, context: AttemptContext) => O | PromiseLike<O>,
      options: MapOptions<I, O>,
    ): AsyncIterable<Outcome<O>> {
      return parallelMap(source, fn, { ...options, clock, random })
    },
  }
}

/** The real clock, real randomness, and the parallel executor. */
export const systemRuntime: Runtime = {
  clock: systemClock,
  random: systemRandom,
  executor: parallelExecutor(systemClock, systemRandom),
}
