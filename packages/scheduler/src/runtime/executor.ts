import { currentScope, type Clock, type Executor, type Random, type Runtime } from "@sluice/core"
import { checkMap, OneItem } from "@sluice/core/internal"
import { itemPlan } from "../item/plan.ts"
import { Mapping } from "../map/mapping.ts"
import { singleMap } from "../map/single-map.ts"
import { systemClock, systemRandom } from "./system-clock.ts"

/**
 * The executor that runs flows in parallel under limits: its `map` is that of `parallelMap`.
 *
 * @example
 * ```ts
 * const executor = parallelExecutor(systemClock, systemRandom)
 * const work = { attempt: (n: number) => n * 2 }
 * await Array.fromAsync(executor.map([2], work, {})) // => [{ status: "ok", index: 0, value: 4, attempts: 1 }]
 * ```
 */
export function parallelExecutor(clock: Clock, random: Random): Executor {
  return {
    map(source, work, options) {
      if (source instanceof OneItem)
        return singleMap(source.item, itemPlan(work, clock, random), options, currentScope())
      checkMap(source, work, options)
      return new Mapping(source, work, options, clock, random)
    },
  }
}

/** The real clock, real randomness, and the parallel executor. */
export const systemRuntime: Runtime = {
  clock: systemClock,
  random: systemRandom,
  executor: parallelExecutor(systemClock, systemRandom),
}
