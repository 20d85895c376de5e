import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import { expect, onTestFinished, test } from "vitest"
import { startServer } from "../../../redis/test/redis-server.ts"
import { findOwnServer } from "../../../redis/test/suite-server.ts"
import { bullExecutor, bullWorker } from "../../src/index.ts"
import { persistent } from "../../src/redis/connection-check.ts"
import { countFlow } from "../count-flow.ts"

const program = findOwnServer()

test.skipIf(program === undefined)(
  "a Redis that was gone for long is heard again within two seconds, by worker and executor",
  async () => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    const connection = { url: server.url }
    const backAt: number[] = []
    const onEvent = (event: { readonly type: string; readonly code?: string }): void => {
      if (event.code === "store-back") backAt.push(performance.now())
    }
    const worker = bullWorker(countFlow(), { connection, onEvent })
    const executor = bullExecutor(countFlow(), { connection, onEvent })
    await countFlow().run({ count: 10 }, { executor, runId: "before" })
    process.kill(server.pid, "SIGKILL")
    await sleep(6_000)
    await server.restart()
    const fromMs = performance.now()
    while (backAt.length < 2) await sleep(20)
    expect(Math.max(...backAt) - fromMs).toBeLessThan(2_500)
    await countFlow().run({ count: 10 }, { executor, runId: "after" })
    await Promise.all([executor.close(), worker.close()])
  },
  60_000,
)

test.skipIf(program === undefined)(
  "that no worker is there is told 10 s after Redis is back: they come back a little later",
  async () => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    const toldAt: Record<string, number> = {}
    const executor = bullExecutor(countFlow(), {
      connection: { url: server.url },
      onEvent: (event) => {
        if (event.type === "warning") toldAt[event.code] ??= performance.now()
      },
    })
    const cancel = new AbortController()
    const running = countFlow().run({ count: 1 }, { executor, runId: "run", signal: cancel.signal })
    await sleep(2_000)
    process.kill(server.pid, "SIGKILL")
    await sleep(6_000)
    await server.restart()
    while (!toldAt["no-worker"]) await sleep(20)
    expect(toldAt["no-worker"] - toldAt["store-back"]!).toBeGreaterThanOrEqual(9_990)
    cancel.abort()
    await expect(running).rejects.toThrow()
    await executor.close()
  },
  60_000,
)

test("a client stays as it is, and what options say of looking for the server holds", () => {
  const client = new Redis({ lazyConnect: true })
  expect(persistent(client)).toBe(client)
  const retryStrategy = (): number => 5
  expect(persistent({ host: "there", retryStrategy, maxRetriesPerRequest: 3 })).toEqual({
    host: "there",
    retryStrategy,
    maxRetriesPerRequest: 3,
  })
})
