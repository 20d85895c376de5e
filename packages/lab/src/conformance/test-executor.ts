import type { Clock, Executor, Random } from "@sluice/core"
import { checkOptions, flag } from "@sluice/core/internal"
import { seededRandom } from "../clock/seeded-random.ts"
import { VirtualClock } from "../clock/virtual-clock.ts"
import type { ExecutorBench } from "./executor-bench.ts"
import { testManyItems } from "./executor-many-items.ts"
import { testOneItem } from "./executor-one-item.ts"
import { testSurroundings } from "./executor-surroundings.ts"
import type { TestFramework } from "./framework.ts"

export interface ExecutorPromises {
  /** Runs items at once, has time limits and waits between attempts. Default true; `false`: one after the other, no clock. */
  readonly parallel?: boolean
}

/**
 * Whether an executor keeps the contract: one outcome per item, attempts that belong to their item, a source that is pulled,
 * what surrounds an item (its scope, `known`, `settled`, `dropped`), and an end that is clean however it comes. Runs on a virtual clock.
 *
 * @example
 * ```ts no-run
 * testExecutor(({ clock, random }) => parallelExecutor(clock, random), { describe, it })
 * ```
 */
export function testExecutor(
  create: (ports: { readonly clock: Clock; readonly random: Random }) => Executor,
  framework: TestFramework,
  promises: ExecutorPromises = {},
): void {
  checkOptions("testExecutor", promises, { parallel: flag })
  const { parallel = true } = promises
  const setUp = (): ExecutorBench => {
    const clock = new VirtualClock()
    const executor = create({ clock, random: seededRandom(1) })
    return { clock, executor, after: (ms) => new Promise((resolve) => void clock.setTimer(ms, resolve)) }
  }
  testOneItem(setUp, framework, parallel)
  testManyItems(setUp, framework, parallel)
  testSurroundings(setUp, framework, parallel)
}
