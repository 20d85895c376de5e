import { createDefine } from "@sluice/core"
import { createQuota, systemRuntime } from "@sluice/scheduler"
import { expect, test } from "vitest"
import { findServer } from "../../redis/test/redis-server.ts"
import { suiteServer } from "../../redis/test/suite-server.ts"
import { bullExecutor } from "../src/bull-executor.ts"
import { bullWorker } from "../src/bull-worker.ts"

const program = findServer()
const server = suiteServer(program)

test.skipIf(program === undefined)(
  "a worker that is closed finishes what has its permit, and leaves what waits for one to another worker",
  async () => {
    const connection = { url: server.url }
    const { batch } = createDefine(systemRuntime)<{ done?: string[] }>()
    const done: string[] = []
    const flowOf = (who: string, quota: ReturnType<typeof createQuota>, mayEnd: Promise<unknown>, begun = () => {}) =>
      batch({
        name: "leaving",
        prep: () => ["a", "b", "c", "d"],
        exec: async (item, { signal }) => {
          const permit = await quota.admit({}, { signal })
          begun()
          await mayEnd
          permit.settle({ outcome: "success" })
          done.push(`${who} ${item}`)
          return item
        },
        post: (shared, _items, outcomes) => void (shared.done = [...outcomes]),
      })
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const narrow = createQuota({ concurrency: 1 })
    // One job, so that what has ended of it and what was left come from the same.
    const executor = bullExecutor(flowOf("nobody", narrow, mayEnd), { connection, chunk: 4 })
    const first = bullWorker(flowOf("first", narrow, mayEnd, begin), { connection })
    const shared: { done?: string[] } = {}
    const running = flowOf("nobody", narrow, mayEnd).run(shared, { executor, runId: "leaving" })
    await begun
    while (narrow.snapshot().waiting < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    const closing = first.close()
    while (narrow.snapshot().waiting > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    end()
    await closing
    const second = bullWorker(flowOf("second", createQuota({ concurrency: 4 }), mayEnd), { connection })
    await running
    await second.close()
    await executor.close()
    expect(shared.done).toEqual(["a", "b", "c", "d"])
    expect(done.toSorted()).toEqual(["first a", "second b", "second c", "second d"])
  },
  30_000,
)

test.skipIf(program === undefined)(
  "an item of several calls is finished by a closed worker unless its next call waits for a quota: then another begins it anew",
  async () => {
    const connection = { url: server.url }
    const { batch } = createDefine(systemRuntime)<{ done?: string[] }>()
    const calls: string[] = []
    const flowOf = (who: string, second: ReturnType<typeof createQuota>, mayEnd: Promise<unknown>) =>
      batch({
        name: "two calls",
        prep: () => ["a", "b"],
        exec: async (item, { signal }) => {
          calls.push(`${who} ${item}1`)
          const permit = await second.admit({}, { signal })
          await mayEnd
          calls.push(`${who} ${item}2`)
          permit.settle({ outcome: "success" })
          // Between two calls nothing waits.
          await new Promise((resolve) => setTimeout(resolve, 50))
          calls.push(`${who} ${item}3`)
          return `${who} ${item}`
        },
        post: (shared, _items, outcomes) => void (shared.done = [...outcomes]),
      })
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const narrow = createQuota({ concurrency: 1 })
    const executor = bullExecutor(flowOf("nobody", narrow, mayEnd), { connection, chunk: 2 })
    const first = bullWorker(flowOf("first", narrow, mayEnd), { connection })
    const shared: { done?: string[] } = {}
    const running = flowOf("nobody", narrow, mayEnd).run(shared, { executor, runId: "two calls" })
    while (narrow.snapshot().waiting < 1) await new Promise((resolve) => setTimeout(resolve, 5))
    const closing = first.close()
    while (narrow.snapshot().waiting > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    end()
    await closing
    const second = bullWorker(flowOf("second", createQuota({ concurrency: 2 }), mayEnd), { connection })
    await running
    await second.close()
    await executor.close()
    const [kept, left] = shared.done![0]!.startsWith("first") ? ["a", "b"] : ["b", "a"]
    expect(shared.done!.toSorted()).toEqual([`first ${kept}`, `second ${left}`])
    // The first call of what was left is paid for twice, and no other.
    const made = [1, 2, 3].flatMap((call) => [`first ${kept}${call}`, `second ${left}${call}`])
    expect(calls.toSorted()).toEqual([...made, `first ${left}1`].toSorted())
  },
  30_000,
)
