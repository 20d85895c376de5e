import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { Redis } from "ioredis"
import { expect, onTestFinished, test } from "vitest"
import { findServer, startServer } from "../../redis/test/redis-server.ts"
import { bullExecutor } from "../src/bull-executor.ts"
import { bullWorker } from "../src/bull-worker.ts"

const program = findServer()

test.skipIf(program === undefined)(
  "an error of a megabyte comes back as its beginning, with its length, and Redis never had more of it",
  async () => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    const huge = "x".repeat(1 << 20)
    const errors = [
      Object.assign(new Error(`no such file: ${huge}`, { cause: new Error(huge) }), { stack: huge }),
      Object.assign(new Error("odd"), { name: huge, code: huge }),
      `no error: ${huge}`,
    ]
    const { batch } = createDefine(systemRuntime)<{ said?: string[] }>()
    const app = batch({
      name: "huge",
      prep: () => [0, 1, 2],
      exec: (item): number => {
        throw errors[item] as Error
      },
      onError: "collect",
      post: (shared, _items, outcomes) => {
        const failed = outcomes as unknown as { error: { cause: Error & { code?: string } } }[]
        shared.said = failed.map(({ error: { cause } }) => `${cause.name} ${cause.code} ${cause.message}`)
      },
    })
    const connection = { url: server.url }
    const worker = bullWorker(app, { connection })
    const executor = bullExecutor(app, { connection })
    const redis = new Redis(server.url)
    await redis.config("RESETSTAT")
    const shared: { said?: string[] } = {}
    await app.run(shared, { executor, runId: "run" })
    const cut = /x+… \(cut: it has 10485\d\d characters\)/.source
    expect(shared.said).toEqual([
      expect.stringMatching(new RegExp(`^Error undefined no such file: ${cut}$`)),
      expect.stringMatching(new RegExp(`^${cut} ${cut} odd$`)),
      expect.stringMatching(new RegExp(`^Error undefined no error: ${cut}$`)),
    ])
    for (const said of shared.said!) expect(said.length).toBeLessThan(21_000)
    const [, received] = /total_net_input_bytes:(\d+)/.exec(await redis.info("stats"))!
    expect(Number(received)).toBeLessThan(500_000)
    redis.disconnect()
    await Promise.all([executor.close(), worker.close()])
  },
  30_000,
)
