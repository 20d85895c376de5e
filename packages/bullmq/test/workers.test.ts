import { type ChildProcess, fork } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { SluiceEvent } from "@sluice/core"
import { Queue, QueueEvents } from "bullmq"
import { Redis } from "ioredis"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findServer } from "../../redis/test/redis-server.ts"
import { suiteServer } from "../../redis/test/suite-server.ts"
import { bullExecutor, type BullExecutorOptions } from "../src/bull-executor.ts"
import { bullWorker } from "../src/bull-worker.ts"
import { prefix, queueName } from "../src/redis/queue-name.ts"
import { countFlow, type Shared } from "./count-flow.ts"

const program = findServer()

/** Real processes and a real server. */
describe.skipIf(program === undefined)("a batch over workers", () => {
  const redis = suiteServer(program)
  let folder: string
  let children: ChildProcess[] = []

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "sluice-bullmq-"))
  })
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL")
    children = []
    await redis.restart()
    rmSync(folder, { recursive: true, force: true })
  })

  const start = async (
    file: string,
    env: Readonly<Record<string, string>> = {},
    ready = true,
  ): Promise<ChildProcess> => {
    const child = fork(path.join(import.meta.dirname, file), {
      execArgv: ["--conditions=@sluice/source"],
      env: { ...process.env, SLUICE_REDIS: redis.url, SLUICE_DONE: path.join(folder, "done"), ...env },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    })
    children.push(child)
    if (ready) await new Promise((resolve) => child.once("message", resolve))
    return child
  }
  const run = async (count: number, options: Partial<BullExecutorOptions> = {}, version = "1"): Promise<Shared> => {
    const app = countFlow(version)
    const executor = bullExecutor(app, { connection: { url: redis.url }, ...options })
    const shared: Shared = { count }
    await app.run(shared, { executor, runId: "run" })
    await executor.close()
    return shared
  }
  /** Executions of each item. */
  const executions = (): Map<number, number> => {
    const file = path.join(folder, "done")
    const counts = new Map<number, number>()
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []
    for (const line of lines) counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1)
    return counts
  }

  test("comes back whole and in order, each item once; retries are the node's, in the worker", async () => {
    await Promise.all([
      start("worker-child.ts", { SLUICE_FLAKY: "1" }),
      start("worker-child.ts", { SLUICE_FLAKY: "1" }),
    ])
    const shared = await run(200)
    expect(shared).toEqual({ count: 200, sum: 199 * 200, ordered: true, errors: [] })
    for (const [item, count] of executions()) expect(count).toBe(item % 10 === 3 ? 3 : 1)
    expect(executions().size).toBe(200)
  }, 120_000)

  test("keeps an item's own error", async () => {
    await start("worker-child.ts", { SLUICE_BAD: "7" })
    const { errors, sum } = await run(20)
    expect([errors, sum]).toEqual([["bad-item: no good"], 19 * 20 - 14])
  }, 120_000)

  test("a worker that is killed loses nothing; at most what it had in flight is done again", async () => {
    const env = { SLUICE_MS: "50", SLUICE_LOCK_MS: "1500", SLUICE_ITEMS: "8" }
    const [first] = await Promise.all([start("worker-child.ts", env), start("worker-child.ts", env)])
    const running = run(300, { chunk: 4 })
    while (executions().size < 80) await sleep(20)
    first.kill("SIGKILL")
    expect(await running).toEqual({ count: 300, sum: 299 * 300, ordered: true, errors: [] })
    const repeated = [...executions().values()].reduce((sum, count) => sum + count - 1, 0)
    expect(repeated).toBeLessThanOrEqual(8)
  }, 120_000)

  test("the jobs of a worker that has died are looked for often: its lock has run out at most a tenth of its time before", async () => {
    await using _worker = bullWorker(countFlow(), { connection: { url: redis.url }, lockMs: 30_000 })
    const client = new Redis(redis.url)
    const key = `${prefix}:${queueName(countFlow())}:stalled-check`
    let leftMs = -2
    while (leftMs === -2) leftMs = await client.pttl(key)
    client.disconnect()
    expect(leftMs).toBeLessThanOrEqual(3_000)
  }, 60_000)

  test.each([
    ["many to a job", 4],
    ["each a job", 1],
  ])(
    "an item that kills its workers ends alone, as worker-lost, whoever was in the same workers: %s",
    async (_, chunk) => {
      // Slow enough that others are always there when a worker dies.
      const env = { SLUICE_POISON: "13", SLUICE_LOCK_MS: "1000", SLUICE_ITEMS: "16", SLUICE_MS: "100" }
      let stopped = false
      const keepOne = async (): Promise<void> => {
        while (!stopped) {
          const child = await start("worker-child.ts", env)
          await new Promise((resolve) => child.once("exit", resolve))
        }
      }
      void keepOne()
      const shared = await run(24, { chunk })
      stopped = true
      expect(shared.errors).toEqual([expect.stringMatching(/^worker-lost: Item 13 of "double"/)])
      expect(shared.sum).toBe(23 * 24 - 26)
    },
    180_000,
  )

  test("a coordinator that is killed goes on where it was: what workers did meanwhile is not done again", async () => {
    await start("worker-child.ts", { SLUICE_MS: "30" })
    const env = { SLUICE_COUNT: "200", SLUICE_JOURNAL: path.join(folder, "journal.db") }
    const first = await start("coordinator-child.ts", env, false)
    while (executions().size < 60) await sleep(20)
    first.kill("SIGKILL")
    await sleep(300)
    const second = await start("coordinator-child.ts", env, false)
    const shared = await new Promise((resolve) => second.once("message", resolve))
    expect(shared).toEqual({ count: 200, sum: 199 * 200, ordered: true, errors: [] })
    const repeated = [...executions().values()].reduce((sum, count) => sum + count - 1, 0)
    expect([executions().size, repeated]).toEqual([200, 0])
  }, 120_000)

  test("a worker of another version takes no job, and both sides say so", async () => {
    const heard: SluiceEvent[] = []
    const other = bullWorker(countFlow("2"), {
      connection: { url: redis.url },
      onEvent: (event) => heard.push(event),
    })
    const events: SluiceEvent[] = []
    const running = run(10, { onEvent: (event) => events.push(event) })
    await sleep(11_500)
    expect(executions().size).toBe(0)
    expect(events).toMatchObject([
      {
        type: "warning",
        code: "no-worker",
        message: expect.stringMatching(/same version.*workers of other versions: sluice-double-/),
      },
    ])
    expect(heard).toMatchObject([
      {
        type: "warning",
        code: "other-version",
        message: expect.stringMatching(/^A run of "double" in another version/),
      },
    ])
    await other.close()
    await start("worker-child.ts")
    expect(await running).toMatchObject({ sum: 90, errors: [] })
  }, 120_000)

  test("jobs are as large as a second's work: slow items go alone, quick ones by the hundred", async () => {
    const slow = await start("worker-child.ts", { SLUICE_MS: "1500" })
    const sizesOf = async (count: number): Promise<number[]> => {
      const queue = new Queue(queueName(countFlow()), { connection: { url: redis.url }, prefix })
      const sizes: number[] = []
      const added = new QueueEvents(queue.name, { connection: { url: redis.url }, prefix })
      const looks: Promise<void>[] = []
      added.on("added", ({ jobId }) => {
        looks.push(queue.getJob(jobId).then((job) => void (job && sizes.push(job.data.items.length))))
      })
      await added.waitUntilReady()
      await run(count)
      await Promise.all(looks)
      await Promise.all([added.close(), queue.close()])
      return sizes
    }
    expect(Math.max(...(await sizesOf(60)))).toBe(1)
    slow.kill("SIGKILL")
    await redis.restart()
    await start("worker-child.ts")
    expect(Math.max(...(await sizesOf(4_000)))).toBe(100)
  }, 120_000)

  test("an item that is too large fails with its size, alone", async () => {
    await start("worker-child.ts")
    const { createDefine } = await import("@sluice/core")
    const { systemRuntime } = await import("@sluice/scheduler")
    const { batch } = createDefine(systemRuntime)<object>()
    const outcomes: unknown[] = []
    const app = batch({
      name: "double",
      version: "1",
      onError: "collect",
      prep: () => ["x".repeat(300_000)],
      exec: (text) => text.length,
      post: (_shared, _items, results) => void outcomes.push(...results),
    })
    const executor = bullExecutor(app, { connection: { url: redis.url } })
    await app.run({}, { executor, runId: "large" })
    await executor.close()
    expect(String((outcomes[0] as { error: Error }).error)).toContain("300002 bytes")
  }, 60_000)

  test("an item is done once, whatever its exec makes of it, and whatever it says of itself; no item is an item too", async () => {
    const { createDefine } = await import("@sluice/core")
    const { systemRuntime } = await import("@sluice/scheduler")
    const { batch } = createDefine(systemRuntime)<object>()
    let told = 0
    const items: unknown[] = [{ text: " changed " }, undefined, null, { toJSON: () => ({ text: `${told++}` }) }]
    const enough = new AbortController()
    let calls = 0
    const values: unknown[] = []
    const app = batch({
      name: "change",
      prep: () => items,
      exec: (item) => {
        if (++calls > 20) enough.abort(new Error("done again and again"))
        if (item === undefined || item === null) return String(item)
        const row = item as { text: string }
        row.text = row.text.trim()
        return typeof row.text
      },
      post: (_shared, _items, results) => void values.push(...results),
    })
    const connection = { url: redis.url }
    await using _worker = bullWorker(app, { connection })
    const executor = bullExecutor(app, { connection })
    await app.run({}, { executor, runId: "change", signal: enough.signal })
    await executor.close()
    expect([values, calls]).toEqual([["string", "undefined", "null", "string"], 4])
  }, 60_000)

  test("no answer is left in Redis after a run that has them all", async () => {
    const { createDefine } = await import("@sluice/core")
    const { systemRuntime } = await import("@sluice/scheduler")
    const { batch } = createDefine(systemRuntime)<object>()
    const app = batch({ name: "secret", prep: () => [1, 2, 3], exec: (item) => `answer ${item}` })
    const connection = { url: redis.url }
    await using _worker = bullWorker(app, { connection })
    const executor = bullExecutor(app, { connection })
    const client = new Redis(redis.url)
    const kept = async (): Promise<string> =>
      JSON.stringify(await client.xrange(`${prefix}:${queueName(app)}:events`, "-", "+"))
    await app.run({}, { executor, runId: "secret" })
    expect(await kept()).toContain("answer 1")
    await executor.close()
    expect(await kept()).not.toContain("answer")
    // Nor are all of a long run there meanwhile.
    expect(Number(await client.hget(`${prefix}:${queueName(app)}:meta`, "opts.maxLenEvents"))).toBeLessThanOrEqual(
      1_000,
    )
    client.disconnect()
  }, 60_000)

  test("what JSON has no word for fails by itself, as an item and as a result", async () => {
    const { createDefine } = await import("@sluice/core")
    const { systemRuntime } = await import("@sluice/scheduler")
    const { batch } = createDefine(systemRuntime)<object>()
    const errors: string[] = []
    const enough = new AbortController()
    let calls = 0
    const app = batch({
      name: "wordless",
      onError: "collect",
      prep: (): unknown[] => [() => 1, Symbol("one"), "function"],
      exec: (item) => {
        if (++calls > 20) enough.abort(new Error("done again and again"))
        return item === "function" ? () => 1 : item
      },
      post: (_shared, _items, outcomes) => {
        for (const outcome of outcomes) errors.push(outcome.status === "failed" ? String(outcome.error) : "ok")
      },
    })
    const connection = { url: redis.url }
    await using _worker = bullWorker(app, { connection })
    const executor = bullExecutor(app, { connection })
    await app.run({}, { executor, runId: "wordless", signal: enough.signal })
    await executor.close()
    expect(errors).toEqual([
      expect.stringContaining('Item 0 of "wordless" cannot be sent as JSON: it is a function'),
      expect.stringContaining('Item 1 of "wordless" cannot be sent as JSON: it is a symbol'),
      expect.stringContaining("The result of item 2 cannot be sent as JSON: it is a function"),
    ])
  }, 60_000)

  test("a run that is cancelled ends at once and takes its jobs back", async () => {
    const app = countFlow()
    const executor = bullExecutor(app, { connection: { url: redis.url } })
    const controller = new AbortController()
    const running = app.run({ count: 100 }, { executor, runId: "stop", signal: controller.signal })
    await sleep(500)
    const reason = new Error("enough")
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await sleep(200)
    await start("worker-child.ts")
    await sleep(1_000)
    await executor.close()
    expect(executions().size).toBe(0)
  }, 60_000)

  test("a run that is cancelled while Redis stands still ends at once, and so does its executor", async () => {
    const executor = bullExecutor(countFlow(), { connection: { url: redis.url }, onEvent: () => {} })
    const reason = new Error("enough")
    const cancelled = async (runId: string, then: () => Promise<void>): Promise<void> => {
      const controller = new AbortController()
      const running = countFlow().run({ count: 40 }, { executor, runId, signal: controller.signal })
      const rejected = expect(running).rejects.toBe(reason)
      await then()
      controller.abort(reason)
      await rejected
    }
    const worker = await start("worker-child.ts", { SLUICE_MS: "60000" })
    await cancelled("under way", async () => {
      while (executions().size < 8) await sleep(20)
      process.kill(redis.pid, "SIGSTOP")
    })
    // Nobody lets it in.
    await cancelled("from the start", () => sleep(50))
    await executor.close()
    worker.kill("SIGTERM")
    expect(await new Promise((resolve) => worker.once("exit", resolve))).toBe(0)
    process.kill(redis.pid, "SIGCONT")
  }, 60_000)

  test("what workers are at when the run is cancelled is told so, and nothing stays in Redis for good", async () => {
    const aborted = path.join(folder, "aborted")
    await start("worker-child.ts", { SLUICE_MS: "60000", SLUICE_ABORTED: aborted })
    const app = countFlow()
    const executor = bullExecutor(app, { connection: { url: redis.url } })
    const controller = new AbortController()
    const running = app.run({ count: 40 }, { executor, runId: "stop", signal: controller.signal })
    while (executions().size < 40) await sleep(20)
    const reason = new Error("enough")
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await executor.close()
    while (!existsSync(aborted) || readFileSync(aborted, "utf8").trim().split("\n").length < 40) await sleep(50)
    const client = new Redis(redis.url)
    await sleep(2_000)
    for (const key of await client.keys("*"))
      expect([key, await client.pttl(key)]).toEqual([key, expect.toSatisfy((ms: number) => ms !== -1)])
    client.disconnect()
  }, 60_000)

  test("a Redis that is gone for 10 s and comes back empty costs what was in flight, and no item", async () => {
    await start("worker-child.ts", { SLUICE_MS: "20", SLUICE_ITEMS: "8" })
    const running = run(1_200, { chunk: 4, window: 64 })
    while (executions().size < 200) await sleep(20)
    process.kill(redis.pid, "SIGKILL")
    await sleep(10_000)
    await redis.restart()
    expect(await running).toEqual({ count: 1_200, sum: 1_199 * 1_200, ordered: true, errors: [] })
    const repeated = [...executions().values()].reduce((sum, count) => sum + count - 1, 0)
    expect(repeated).toBeLessThanOrEqual(64)
  }, 120_000)

  test("a run has one coordinator: a second one says so, and its items are done once", async () => {
    await start("worker-child.ts", { SLUICE_MS: "50", SLUICE_ITEMS: "16" })
    const env = (name: string) => ({ SLUICE_COUNT: "6000", SLUICE_JOURNAL: path.join(folder, name) })
    const first = await start("coordinator-child.ts", env("one.db"), false)
    const whole = new Promise((resolve) => first.once("message", resolve))
    while (executions().size < 4) await sleep(20)
    const second = await start("coordinator-child.ts", env("two.db"), false)
    expect(await new Promise((resolve) => second.once("message", resolve))).toBe("run-locked")
    expect(await whole).toMatchObject({ sum: 5_999 * 6_000, errors: [] })
    expect([...executions().values()].every((count) => count === 1)).toBe(true)
  }, 120_000)
})
