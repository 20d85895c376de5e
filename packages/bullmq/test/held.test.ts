import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { type Job, Queue } from "bullmq"
import { expect, onTestFinished, test } from "vitest"
import { startServer } from "../../redis/test/redis-server.ts"
import { findOwnServer } from "../../redis/test/suite-server.ts"
import { bullExecutor } from "../src/bull-executor.ts"
import { bullWorker } from "../src/bull-worker.ts"
import { prefix, queueName } from "../src/redis/queue-name.ts"
import { returned } from "../src/worked-job.ts"

const program = findOwnServer()

const until = async (is: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** As of calls that wait for a quota: the first ones pass it at once, the others take their time. */
test.skipIf(program === undefined).each([
  { title: "none has come back", quick: 0, most: 40 },
  { title: "the first ones were quick", quick: 20, most: 40 + 99 },
])(
  "a worker of 40 places takes what it can be at, and leaves the rest to who comes later: $title",
  async ({ quick, most }) => {
    const server = await startServer(program!)
    onTestFinished(() => server.stop())
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const begun = { first: new Set<number>(), second: new Set<number>() }
    const { batch } = createDefine(systemRuntime)<{ done?: number[] }>()
    const flowOf = (who: keyof typeof begun) =>
      batch({
        name: "held",
        prep: () => Array.from({ length: 400 }, (_, item) => item),
        exec: async (item) => {
          begun[who].add(item)
          if (item >= quick) await mayEnd
          return item
        },
        post: (shared, _items, outcomes) => void (shared.done = [...outcomes]),
      })
    const app = flowOf("first")
    const connection = { url: server.url }
    const queue = new Queue(queueName(app), { connection, prefix })
    const held = async (): Promise<number> =>
      (await queue.getJobs(["active"])).reduce((sum, job) => sum + (job?.data.items.length ?? 0), 0)
    const first = bullWorker(app, { connection, concurrency: 40 })
    const executor = bullExecutor(app, { connection })
    const shared: { done?: number[] } = {}
    const running = app.run(shared, { executor, runId: "held" })
    await until(() => begun.first.size === 40 + quick)
    // All has been sent by then: nobody waits for more than a second to learn how long items take.
    await until(async () => (await queue.getWaitingCount()) > 0)
    // What came by chance with the end of another job has been given back.
    await expect.poll(held, { timeout: 5_000 }).toBeLessThanOrEqual(most)
    expect(await held()).toBeGreaterThanOrEqual(40)
    const second = bullWorker(flowOf("second"), { connection, concurrency: 40 })
    await until(() => begun.second.size === 40)
    end()
    await running
    expect(shared.done).toEqual(Array.from({ length: 400 }, (_, item) => item))
    expect(begun.first.size + begun.second.size).toBe(400)
    await Promise.all([executor.close(), first.close(), second.close(), queue.close()])
  },
  30_000,
)

test("what is too much is done all the same where Redis does not take it back", async () => {
  const told: (string | undefined)[] = []
  const job = (answer: () => Promise<number>) =>
    ({ moveToWait: (token?: string) => (told.push(token), answer()) }) as unknown as Job
  expect(
    await returned(
      job(() => Promise.resolve(0)),
      "mine",
    ),
  ).toBe(true)
  expect(
    await returned(
      job(() => Promise.reject(new Error("OOM"))),
      "mine",
    ),
  ).toBe(false)
  expect(told).toEqual(["mine", "mine"])
})
