import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { Redis } from "ioredis"
import { expect, onTestFinished, test } from "vitest"
import { findServer, startServer } from "../../../redis/test/redis-server.ts"
import { bullExecutor } from "../../src/bull-executor.ts"
import { bullWorker } from "../../src/bull-worker.ts"

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
