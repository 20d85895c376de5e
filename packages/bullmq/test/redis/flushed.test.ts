import { createDefine } from "@sluice/core"
import { createQuota, systemRuntime } from "@sluice/scheduler"
import { Redis } from "ioredis"
import { expect, onTestFinished, test } from "vitest"
import { findServer, startServer } from "../../../redis/test/redis-server.ts"
import { bullExecutor } from "../../src/bull-executor.ts"
import { bullWorker } from "../../src/bull-worker.ts"
import { WorkedJob } from "../../src/worked-job.ts"

const program = findServer()

test.skipIf(program === undefined || program.includes("://")).each([
  { chunk: 6, concurrency: 2 },
  { chunk: 1, concurrency: 2 },
])(
  "Redis loses all while $concurrency items of jobs of $chunk are in flight: what had ended, and what ends then, is not done again",
  async ({ chunk, concurrency }) => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    const times = new Map<number, number>()
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const { promise: held, resolve: hold } = Promise.withResolvers<void>()
    const { batch } = createDefine(systemRuntime)<{ done?: number[] }>()
    const app = batch({
      name: "flushed",
      prep: () => Array.from({ length: 24 }, (_, item) => item),
      exec: async (item) => {
        times.set(item, (times.get(item) ?? 0) + 1)
        if (times.size === 4) hold()
        if (times.size > 2) await mayEnd
        return item
      },
      post: (shared, _items, outcomes) => void (shared.done = [...outcomes]),
    })
    const connection = { url: server.url }
    const worker = bullWorker(app, { connection, concurrency })
    const executor = bullExecutor(app, { connection, chunk })
    const shared: { done?: number[] } = {}
    const running = app.run(shared, { executor, runId: "run" })
    await held
    const redis = new Redis(server.url)
    await redis.flushall()
    redis.disconnect()
    end()
    await running
    expect(shared.done).toEqual(Array.from({ length: 24 }, (_, item) => item))
    expect([...times.values()].filter((count) => count > 1)).toEqual([])
    await Promise.all([executor.close(), worker.close()])
  },
  30_000,
)

const lockOfAnother = async (redis: Redis): Promise<void> => {
  for (const key of await redis.keys("*:lock")) await redis.set(key, "another", "PX", 1_500)
}

test.skipIf(program === undefined || program.includes("://")).each([
  { how: "Redis has lost all", lose: (redis: Redis) => redis.flushall() as Promise<unknown> },
  { how: "its lock is another's", lose: lockOfAnother },
])(
  "a job is not its worker's any more ($how): calls that wait leave at once, and no more than was in flight is done twice",
  async ({ lose }) => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    const narrow = createQuota({ concurrency: 2 })
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const calls: number[] = []
    const { batch } = createDefine(systemRuntime)<{ done?: number[] }>()
    const app = batch({
      name: "lost",
      prep: () => Array.from({ length: 12 }, (_, item) => item),
      exec: async (item, { signal }) => {
        const permit = await narrow.admit({}, { signal })
        calls.push(item)
        await mayEnd
        permit.settle({ outcome: "success" })
        return item
      },
      post: (shared, _items, outcomes) => void (shared.done = [...outcomes]),
    })
    const connection = { url: server.url }
    const worker = bullWorker(app, { connection, concurrency: 12, lockMs: 2_000 })
    const executor = bullExecutor(app, { connection, chunk: 1 })
    const shared: { done?: number[] } = {}
    const running = app.run(shared, { executor, runId: "lost" })
    const until = async (waiting: number): Promise<void> => {
      while (narrow.snapshot().waiting !== waiting) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await until(10)
    const redis = new Redis(server.url)
    await lose(redis)
    redis.disconnect()
    await until(0)
    end()
    await running
    expect(shared.done).toEqual(Array.from({ length: 12 }, (_, item) => item))
    expect(calls.length).toBeLessThanOrEqual(14)
    await Promise.all([executor.close(), worker.close()])
  },
  30_000,
)

test("a job that is lost before any of it has begun is left whole", () => {
  const job = new WorkedJob("batch", 1, false)
  job.lost()
  expect(job.isLeaving).toBe(true)
})
