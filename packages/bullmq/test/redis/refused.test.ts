import { setTimeout as sleep } from "node:timers/promises"
import type { EventSink } from "@sluice/core"
import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { Queue } from "bullmq"
import { Redis } from "ioredis"
import { describe, expect, onTestFinished, test, vi } from "vitest"
import { startServer } from "../../../redis/test/redis-server.ts"
import { findOwnServer } from "../../../redis/test/suite-server.ts"
import { bullExecutor, type BullExecutorOptions } from "../../src/bull-executor.ts"
import { bullWorker } from "../../src/bull-worker.ts"

const program = findOwnServer()

interface Shared {
  outcomes?: readonly { readonly status: string; readonly error?: Error }[]
}

/** A server, a batch of items of some time each, and who does it. */
async function setUp(count: number, ms: number, options: Partial<BullExecutorOptions> = {}) {
  const server = await startServer(program!)
  onTestFinished(() => server.stop())
  const admin = new Redis(server.url)
  onTestFinished(() => admin.disconnect())
  const times = new Map<number, number>()
  const { batch } = createDefine(systemRuntime)<Shared>()
  const app = batch({
    name: "refused",
    onError: "collect",
    prep: () => Array.from({ length: count }, (_, item) => item),
    exec: async (item) => {
      times.set(item, (times.get(item) ?? 0) + 1)
      await sleep(ms)
      return item
    },
    post: (shared, _items, outcomes) => void (shared.outcomes = [...outcomes] as NonNullable<Shared["outcomes"]>),
  })
  const warnings: string[] = []
  const onEvent: EventSink = (event) => {
    if (event.type === "warning") warnings.push(`${event.code}: ${event.message}`)
  }
  const connection = { url: server.url }
  const work = () => bullWorker(app, { connection, concurrency: 16, onEvent })
  const executor = bullExecutor(app, { connection, onEvent, window: 64, ...options })
  const shared: Shared = {}
  const run = (runId = "run") => app.run(shared, { executor, runId })
  const failed = (): string[] => shared.outcomes!.flatMap(({ error }) => (error === undefined ? [] : [String(error)]))
  const repeated = (): number => [...times.values()].filter((each) => each > 1).length
  const begun = async (least: number): Promise<void> => {
    while (times.size < least) await sleep(5)
  }
  return { admin, executor, work, run, shared, times, warnings, failed, repeated, begun }
}

const refusals = [
  [
    "OOM",
    (redis: Redis) => redis.config("SET", "maxmemory", "1mb"),
    (redis: Redis) => redis.config("SET", "maxmemory", "0"),
  ],
  ["READONLY", (redis: Redis) => redis.replicaof("127.0.0.1", "1"), (redis: Redis) => redis.replicaof("NO", "ONE")],
  [
    "NOPERM|ACL failure|can't run this command",
    (redis: Redis) => redis.call("ACL", "SETUSER", "default", "-@write"),
    (redis: Redis) => redis.call("ACL", "SETUSER", "default", "+@all"),
  ],
] as const

describe.skipIf(program === undefined)("a Redis that takes nothing for a while", () => {
  test.each(refusals)(
    "costs no item, and none is done twice; both sides say so in its words: %s",
    async (words, refuse, allow) => {
      const { admin, executor, work, run, shared, times, warnings, failed, repeated, begun } = await setUp(300, 50)
      const worker = work()
      const running = run()
      await begun(60)
      await refuse(admin)
      await sleep(2_000)
      await allow(admin)
      await running
      expect([shared.outcomes!.length, failed(), times.size, repeated()]).toEqual([300, [], 300, 0])
      await vi.waitFor(() => expect(warnings.length).toBe(4), 5_000)
      const both = (told: RegExp) => [expect.stringMatching(told), expect.stringMatching(told)]
      expect(warnings.toSorted()).toEqual([
        ...both(/^store-back: Redis answers again after/),
        ...both(new RegExp(`^store-lost: Redis has taken nothing since .* UTC \\(.*(${words})`)),
      ])
      await Promise.all([executor.close(), worker.close()])
    },
    60_000,
  )

  test("is waited for by a run that begins", async () => {
    const { admin, executor, work, run, failed, repeated } = await setUp(20, 1)
    await admin.replicaof("127.0.0.1", "1")
    const running = run()
    await sleep(1_500)
    await admin.replicaof("NO", "ONE")
    const worker = work()
    await running
    expect([failed(), repeated()]).toEqual([[], 0])
    await Promise.all([executor.close(), worker.close()])
  }, 60_000)

  test("is not given what was taken back meanwhile", async () => {
    const { admin, executor, work, run, shared, times, failed } = await setUp(40, 1)
    const running = run()
    // Nobody works yet; what is sent after this is refused.
    while ((await admin.dbsize()) < 5) await sleep(5)
    await admin.config("SET", "maxmemory", "1mb")
    await sleep(1_200)
    const reason = new Error("enough")
    const withdrawing = executor.withdraw(reason)
    await sleep(500)
    await admin.config("SET", "maxmemory", "0")
    await withdrawing
    await running.catch(() => {})
    const worker = work()
    await sleep(1_500)
    expect(times.size).toBe(0)
    expect(shared.outcomes === undefined || failed().length === 40).toBe(true)
    await Promise.all([executor.close(), worker.close()])
  }, 60_000)

  test("for longer than three seconds is left by who is closed: what is in flight is told of", async () => {
    const { admin, executor, work, run, warnings, begun } = await setUp(16, 500)
    const worker = work()
    const running = run()
    void running.catch(() => {})
    await begun(16)
    await admin.replicaof("127.0.0.1", "1")
    const fromMs = performance.now()
    await Promise.all([worker.close(), executor.close()])
    expect(performance.now() - fromMs).toBeLessThan(8_000)
    expect(warnings).toContainEqual(
      expect.stringMatching(/^items-left: Left without Redis, which has taken nothing since .* UTC \(READONLY/),
    )
  }, 60_000)

  test("may have taken what it seemed to refuse: a job that is sent twice is done once, and one that is over is not sent again", async () => {
    const add = Reflect.get(Queue.prototype, "addBulk") as Queue["addBulk"]
    let refused = 0
    const spy = vi.spyOn(Queue.prototype, "addBulk").mockImplementation(async function (this: Queue, jobs) {
      const added = await add.call(this, jobs)
      if (++refused % 2 === 1) throw new Error("READONLY You can't write against a read only replica.")
      return added
    })
    onTestFinished(() => spy.mockRestore())
    const { admin, executor, work, run, shared, times, failed, repeated } = await setUp(60, 400, { chunk: 4 })
    const worker = work()
    await run()
    expect([shared.outcomes!.length, failed(), times.size, repeated()]).toEqual([60, [], 60, 0])
    expect(refused).toBeGreaterThan(1)
    // Had it come twice, it would be there still.
    await vi.waitFor(async () => expect(await admin.keys("*:sluice-refused-*:run-*")).toEqual([]), 5_000)
    await Promise.all([executor.close(), worker.close()])
  }, 60_000)

  test("is not what is wrong with a job that BullMQ does not take: its items fail, and no others", async () => {
    const add = Reflect.get(Queue.prototype, "addBulk") as Queue["addBulk"]
    let calls = 0
    const spy = vi.spyOn(Queue.prototype, "addBulk").mockImplementation(function (this: Queue, jobs) {
      return ++calls === 1 ? Promise.reject(new Error("Custom Id cannot be integers")) : add.call(this, jobs)
    })
    onTestFinished(() => spy.mockRestore())
    const { executor, work, run, shared, failed } = await setUp(100, 1)
    const worker = work()
    await run()
    const errors = failed()
    expect(shared.outcomes!.length).toBe(100)
    expect(errors.length).toBeGreaterThan(0)
    expect(errors.length).toBeLessThan(100)
    for (const error of errors) expect(error).toContain("Custom Id")
    await Promise.all([executor.close(), worker.close()])
  }, 60_000)
})
