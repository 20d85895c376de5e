import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { findServer, type RedisServer, startServer } from "../../../redis/test/redis-server.ts"
import { countingVendor } from "../chaos/kill-and-resume.ts"
import { ended, linesOf, startSluice, temporaryFolder } from "../command/sluice.ts"
import { key, startSluiceWorker } from "./fleet.ts"

const found = findServer()
const program = found?.includes("://") ? undefined : found

/** Calls wait for a quota, for as long as nobody does anything about it: the first signal ends who waits. */
describe.skipIf(program === undefined)("calls wait for a quota that does not come", () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startServer(program!)
  })
  beforeEach(() => server.restart())
  afterAll(() => server?.stop())

  const until = async (is: () => boolean): Promise<void> => {
    while (!is()) await sleep(10)
  }
  const place = (url: string, redis: string, ...more: string[]) => {
    const folder = temporaryFolder()
    const lines = Array.from({ length: 6 }, (_, id) => `${JSON.stringify({ text: `word ${id}` })}\n`)
    writeFileSync(join(folder, "in.jsonl"), lines.join(""))
    const out = join(folder, "out.jsonl")
    const at = ["--redis", redis, "--base-url", `${url}/v1`]
    const args = ["run", join(folder, "in.jsonl"), "-p", "Say {{text}}.", "-o", out, "-m", "openai-compatible:x", ...at]
    const run = () => {
      const child = startSluice([...args, ...more], folder, { env: { SLUICE_API_KEY: key } })
      let text = ""
      child.stderr.on("data", (chunk) => (text += String(chunk)))
      return { child, said: () => text, ended: ended(child) }
    }
    return { out, run, worker: () => startSluiceWorker(at, folder) }
  }

  test("as its user of Redis may not use the keys: all say so, and end", async () => {
    const admin = new Redis(server.url)
    await admin.call("ACL", "SETUSER", "workers", "on", ">pw", "~{sluice}:*", "&*", "+@all")
    admin.disconnect()
    const { vendor } = await countingVendor({})
    const url = server.url.replace("://", "://workers:pw@")
    const alone = place(vendor.url, url, "--rpm", "60").run()
    const over = place(vendor.url, url, "--rpm", "60", "--workers")
    const worker = await over.worker()
    const first = over.run()
    const refused = /Redis refuses what it is asked \(NOPERM .*docs\/scale-out.md.*~sluice:1:\*/
    await until(() => refused.test(alone.said()) && refused.test(worker.said()))
    alone.child.kill("SIGINT")
    expect(await alone.ended).toMatchObject({ code: 130 })
    first.child.kill("SIGINT")
    expect(await first.ended).toMatchObject({ code: 130 })
    const second = over.run()
    await sleep(1_000)
    worker.child.kill("SIGTERM")
    expect(await worker.ended).toBe(0)
    second.child.kill("SIGINT")
    expect(await second.ended).toMatchObject({ code: 130 })
    expect(vendor.stats().answered).toBe(0)
    await vendor.stop()
  }, 60_000)

  test("as there are two places: what is with the vendor is finished, and what waits is left to other workers", async () => {
    const { vendor } = await countingVendor({ latency: { baseMs: 1_500, perOutputTokenMs: 0 } })
    const { out, run, worker } = place(vendor.url, server.url, "--concurrency", "2", "--workers")
    const first = await worker()
    const running = run()
    await until(() => vendor.stats().inFlight === 2)
    first.child.kill("SIGTERM")
    expect(await first.ended).toBe(0)
    // The first is asked alone.
    expect(vendor.stats().answered).toBe(3)
    const second = await worker()
    expect(await running.ended).toMatchObject({ code: 0 })
    expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
    expect(vendor.stats().answered).toBe(6)
    second.child.kill("SIGTERM")
    expect(await second.ended).toBe(0)
    await vendor.stop()
  }, 60_000)
})
