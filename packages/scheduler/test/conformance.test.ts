import type { Executor, Limiter } from "@sluice/core"
import { OneItem } from "@sluice/core/internal"
import { testExecutor, testLimiter } from "@sluice/lab"
import Bottleneck from "bottleneck"
import { describe, it } from "vitest"
import { bottleneckLimiter } from "../src/limiters/bottleneck.ts"
import { parallelExecutor } from "../src/runtime/executor.ts"
import { keyed } from "../src/limiters/keyed.ts"
import { semaphore } from "../src/limiters/semaphore.ts"

testExecutor(({ clock, random }) => parallelExecutor(clock, random), { describe, it })

describe("a step's item, which is a source by itself", () => {
  const execute = (executor: Executor): Executor => ({
    map: (source, work, options) =>
      executor.map(Array.isArray(source) && source.length === 1 ? new OneItem(source[0]) : source, work, options),
  })
  testExecutor(({ clock, random }) => execute(parallelExecutor(clock, random)), { describe, it })
})

describe("semaphore", () => testLimiter((limit) => semaphore({ limit }), { describe, it }))

describe("keyed semaphore", () => testLimiter((limit) => keyed(() => semaphore({ limit })).of("key"), { describe, it }))

describe("bottleneckLimiter", () => {
  let bottleneck: Bottleneck
  let free: () => boolean
  const create = (maxConcurrent: number): Limiter => {
    bottleneck = new Bottleneck({ maxConcurrent })
    free = () => bottleneck.counts().EXECUTING < maxConcurrent
    return bottleneckLimiter(bottleneck, { maxConcurrent })
  }
  // Bottleneck hands places on by real timers.
  const settled = async (): Promise<void> => {
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
    await turn()
    for (;;) {
      const { RECEIVED, QUEUED, RUNNING } = bottleneck.counts()
      if (!RECEIVED && !RUNNING && !(QUEUED > 0 && free())) return
      await turn()
    }
  }
  testLimiter(create, { describe, it }, { tryAdmit: false, settled })
})
