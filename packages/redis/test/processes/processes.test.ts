import { setTimeout as sleep } from "node:timers/promises"
import { startVendor } from "@sluice/lab"
import { afterEach, describe, expect, test } from "vitest"
import { type FleetWorker, startWorker, type WorkerOptions } from "../../bench/fleet.ts"
import { findServer } from "../redis-server.ts"
import { suiteServer } from "../suite-server.ts"

const program = findServer()

/** Real processes, real HTTP, a real server. Thresholds are wide: machines are busy. */
describe.skipIf(program === undefined)("real processes on one Redis", () => {
  const server = suiteServer(program)
  let vendor: Awaited<ReturnType<typeof startVendor>>
  let workers: FleetWorker[] = []

  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()))
    workers = []
    await vendor.stop()
  })

  const start = async (count: number, more: Partial<WorkerOptions> = {}): Promise<void> => {
    vendor = await startVendor({
      limits: { requests: { limit: 1_200, burst: 40 } },
      latency: { baseMs: 50, perOutputTokenMs: 0 },
    })
    const options: WorkerOptions = {
      redisUrl: server.url,
      vendorUrl: vendor.url,
      callers: 20,
      limits: { requestsPerMinute: { limit: 1_200, kind: "bucket", burst: 40 } },
      ...more,
    }
    workers = await Promise.all(
      Array.from({ length: count }, (_, at) => startWorker({ ...options, client: at % 2 === 0 ? "ioredis" : "redis" })),
    )
  }
  /** Answers and refusals from now on, over so long. */
  const over = async (ms: number): Promise<{ served: number; refused: number }> => {
    const before = vendor.stats()
    await sleep(ms)
    const after = vendor.stats()
    return {
      served: after.arrived - after.refused - before.arrived + before.refused,
      refused: after.refused - before.refused,
    }
  }

  test("of either client share one limit, and none is refused", async () => {
    await start(4)
    await sleep(3_000)
    const { served, refused } = await over(5_000)
    expect(refused).toBe(0)
    expect(served).toBeGreaterThanOrEqual(0.9 * 100)
    expect(served).toBeLessThanOrEqual(1.1 * 100)
    const reports = await Promise.all(workers.map((worker) => worker.report()))
    for (const { failed, done } of reports) expect([failed, done > 0]).toEqual([0, true])
  }, 60_000)

  test("go on when one is killed, without a refusal", async () => {
    await start(3)
    await sleep(3_000)
    const before = vendor.stats().refused
    workers[0]!.signal("SIGKILL")
    await sleep(4_000)
    const { served } = await over(4_000)
    expect(vendor.stats().refused).toBe(before)
    expect(served).toBeGreaterThanOrEqual(0.9 * 80)
  }, 60_000)

  test("survive a Redis that comes back empty", async () => {
    await start(2)
    await sleep(3_000)
    await server.restart()
    const { served, refused } = await over(6_000)
    expect(refused).toBeLessThanOrEqual(2)
    expect(served).toBeGreaterThanOrEqual(0.7 * 120)
    const [report] = await Promise.all(workers.map((worker) => worker.report()))
    expect(report!.failed).toBe(0)
  }, 60_000)

  test("wait out a Redis that is stopped, and use what came in meanwhile", async () => {
    await start(2)
    await sleep(3_000)
    process.kill(server.pid, "SIGSTOP")
    const stopped = await over(4_000)
    process.kill(server.pid, "SIGCONT")
    const after = await over(4_000)
    // What was dated runs; nothing beyond.
    expect(stopped.served).toBeLessThanOrEqual(45)
    expect(after.served).toBeGreaterThanOrEqual(0.9 * 80)
    expect(stopped.refused + after.refused).toBe(0)
  }, 60_000)

  test("go on with their share while Redis is gone", async () => {
    await start(2, { whenUnreachable: "share" })
    await sleep(5_000)
    process.kill(server.pid, "SIGSTOP")
    await sleep(4_000)
    const { served, refused } = await over(5_000)
    process.kill(server.pid, "SIGCONT")
    expect(refused).toBe(0)
    expect(served).toBeGreaterThanOrEqual(0.8 * 100)
    expect(served).toBeLessThanOrEqual(1.05 * 100)
    const after = await over(4_000)
    expect(after.refused).toBeLessThanOrEqual(1)
    const [report] = await Promise.all(workers.map((worker) => worker.report()))
    expect(report!.warnings.some((warning) => warning.startsWith("store-lost"))).toBe(true)
    expect(report!.warnings.some((warning) => warning.startsWith("store-back"))).toBe(true)
  }, 60_000)

  test("keep no key, prompt or address in Redis", async () => {
    await start(1)
    await sleep(2_000)
    const texts: string[] = []
    for (const key of await server.redis.keys("*")) texts.push(key, (await server.redis.dump(key)) ?? "")
    const all = texts.join("\n")
    expect(all).toContain("sluice:1:{")
    for (const secret of ["test-key", "messages", "127.0.0.1", "content"]) expect(all).not.toContain(secret)
  }, 60_000)
})
