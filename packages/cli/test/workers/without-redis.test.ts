import { beforeEach, describe, expect, test } from "vitest"
import { findOwnServer, suiteServer } from "../../../redis/test/suite-server.ts"
import { countingVendor } from "../chaos/kill-and-resume.ts"
import { linesOf, sluice } from "../command/sluice.ts"
import { fileOfInputs, modelAt, startRun, type StartedWorker, startSluiceWorker, until } from "./fleet.ts"

const program = findOwnServer()

/** Real processes, real HTTP, a real server that answers no more: it is killed, or stands still with its connections open. */
describe.skipIf(program === undefined)("Redis is gone", () => {
  const server = suiteServer(program)
  beforeEach(() => server.restart())

  const place = (count: number, url: string) => fileOfInputs(count, ...modelAt(url), "--redis", server.url, "--workers")
  const workerAt = (url: string, folder: string): Promise<StartedWorker> =>
    startSluiceWorker(["--redis", server.url, "--base-url", `${url}/v1`, "--concurrency", "4", "--lock-s", "2"], folder)

  for (const [how, signal] of [
    ["killed", "SIGKILL"],
    ["standing still", "SIGSTOP"],
  ] as const) {
    test(`${how}: worker and run say since when, and the first signal ends both; the same command goes on`, async () => {
      const { vendor } = await countingVendor({ latency: { baseMs: 200, perOutputTokenMs: 0 } })
      const { folder, args, out } = place(60, vendor.url)
      const worker = await workerAt(vendor.url, folder)
      const idle = await startSluiceWorker(["--redis", server.url], folder)
      idle.child.kill("SIGTERM")
      expect(await idle.ended).toBe(0)
      const run = startRun(args, folder)
      await until(() => vendor.stats().answered >= 12)
      process.kill(server.pid, signal)
      const since = /Redis has not answered since \d\d:\d\d:\d\d UTC/
      await until(() => since.test(worker.said()) && since.test(run.said()))
      run.child.kill("SIGTERM")
      const left = await run.ended
      expect(left).toMatchObject({ code: 130 })
      expect(left.stderr).toMatch(/\d+ items? (are|is) with workers, and left to them/)
      expect(left.stderr).toContain("The same command goes on from here.")
      worker.child.kill("SIGTERM")
      expect(await worker.ended).toBe(0)
      if (signal === "SIGSTOP") process.kill(server.pid, "SIGCONT")
      else await server.restart()
      await workerAt(vendor.url, folder)
      const again = await startRun(args, folder).ended
      expect(again).toMatchObject({ code: 0 })
      expect(linesOf(out).map(({ index }) => index)).toEqual(Array.from({ length: 60 }, (_, index) => index))
      await vendor.stop()
    }, 120_000)

    test(`${how}: a worker that is at something says what it leaves, at the first signal`, async () => {
      // Answers come after the test.
      const { vendor } = await countingVendor({ latency: { baseMs: 600_000, perOutputTokenMs: 0 } })
      const { folder, args } = place(8, vendor.url)
      const worker = await workerAt(vendor.url, folder)
      const run = startRun(args, folder)
      await until(() => vendor.stats().inFlight === 4)
      process.kill(server.pid, signal)
      // Nobody knows yet.
      worker.child.kill("SIGTERM")
      expect(await worker.ended).toBe(0)
      expect(worker.said()).toMatch(
        /Left without Redis, which has not answered since .* UTC.*: 4 items are left in flight/,
      )
      run.child.kill("SIGINT")
      expect(await run.ended).toMatchObject({ code: 130 })
      await vendor.stop()
    }, 120_000)
  }

  test("a run of several columns says once that Redis is gone, and once that it is back; of a worker's quotas one does", async () => {
    const { vendor } = await countingVendor({ latency: { baseMs: 200, perOutputTokenMs: 0 } })
    const { folder, args } = place(30, vendor.url)
    const worker = await workerAt(vendor.url, folder)
    const run = startRun([...args, "-m", "openai-compatible:y"], folder)
    await until(() => vendor.stats().answered >= 12)
    await server.restart()
    process.kill(server.pid, "SIGSTOP")
    await until(() => worker.said().includes("not answered since") && run.said().includes("not answered since"))
    process.kill(server.pid, "SIGCONT")
    expect((await run.ended).code).toBe(0)
    for (const once of [/^Redis has not answered since/gm, /^Redis answers again/gm])
      expect(run.said().match(once)).toHaveLength(1)
    // Jobs are one thing and the quotas another.
    for (const once of [/Redis (does not answer|cannot be reached)/g, /: \S+: Redis answers again/g])
      expect((worker.said().match(once) ?? []).length).toBeLessThanOrEqual(1)
    await vendor.stop()
  }, 60_000)

  test("a blip is waited for: what a worker is at is told, and it ends then", async () => {
    const { vendor, calls } = await countingVendor({ latency: { baseMs: 300, perOutputTokenMs: 0 } })
    const { folder, args } = place(24, vendor.url)
    const worker = await workerAt(vendor.url, folder)
    await workerAt(vendor.url, folder)
    const run = startRun(args, folder)
    await until(() => vendor.stats().arrived >= 12)
    process.kill(server.pid, "SIGSTOP")
    worker.child.kill("SIGTERM")
    await until(() => worker.said().includes("Finishing what is in flight"))
    process.kill(server.pid, "SIGCONT")
    expect(await worker.ended).toBe(0)
    expect(await run.ended).toMatchObject({ code: 0 })
    expect([...calls.values()].every((count) => count === 1)).toBe(true)
    await vendor.stop()
  }, 60_000)

  test("standing still from the start: one line and exit code 2, not silence", async () => {
    process.kill(server.pid, "SIGSTOP")
    for (const args of [
      ["worker", "--redis", server.url],
      ["quota", "show", "--redis", server.url],
    ])
      expect(await sluice(args)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`No Redis answers at ${server.url}: nothing came for 5 s.`),
      })
    process.kill(server.pid, "SIGCONT")
  }, 60_000)
})
