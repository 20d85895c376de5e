import { setTimeout as sleep } from "node:timers/promises"
import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { expect, onTestFinished, test } from "vitest"
import { startServer } from "../../redis/test/redis-server.ts"
import { findOwnServer } from "../../redis/test/suite-server.ts"
import { bullExecutor } from "../src/bull-executor.ts"
import { bullWorker } from "../src/bull-worker.ts"

const program = findOwnServer()

/** Jobs smaller than the worker's places, and larger. */
test.skipIf(program === undefined).each([
  [3, 1],
  [3, 10],
  [8, 2],
  [1, 4],
] as const)(
  "a worker of %i places is at so many items at once and never at more, with %i items to a job",
  async (concurrency, chunk) => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    let running = 0
    let most = 0
    const { batch } = createDefine(systemRuntime)<object>()
    const app = batch({
      name: "hold",
      prep: () => Array.from({ length: 40 }, (_, item) => item),
      exec: async (item) => {
        most = Math.max(most, ++running)
        await sleep(20)
        running--
        return item
      },
    })
    const connection = { url: server.url }
    const worker = bullWorker(app, { connection, concurrency })
    const executor = bullExecutor(app, { connection, chunk })
    await app.run({}, { executor, runId: "run" })
    expect(most).toBe(concurrency)
    await Promise.all([executor.close(), worker.close()])
  },
  60_000,
)
