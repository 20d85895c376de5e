import { setTimeout as sleep } from "node:timers/promises"
import { beforeEach, describe, expect, test } from "vitest"
import { findOwnServer, suiteServer } from "../../../redis/test/suite-server.ts"
import { countingVendor } from "../chaos/kill-and-resume.ts"
import { linesOf } from "../command/sluice.ts"
import { fileOfInputs, modelAt, startRun, startSluiceWorker, until } from "./fleet.ts"

const program = findOwnServer()

/** Calls wait for a quota, for as long as nobody does anything about it: the first signal ends who waits. */
describe.skipIf(program === undefined)("calls wait for a quota that does not come", () => {
  const server = suiteServer(program)
  beforeEach(() => server.restart())

  const place = (url: string, redis: string, ...more: string[]) => {
    const { folder, args, out } = fileOfInputs(6, ...modelAt(url), "--redis", redis, ...more)
    const worker = () => startSluiceWorker(["--redis", redis, "--base-url", `${url}/v1`], folder)
    return { out, run: () => startRun(args, folder), worker }
  }

  /** Ids of those of the user that may not use the keys. */
  const connections = async (): Promise<string[]> =>
    [...String(await server.redis.call("CLIENT", "LIST")).matchAll(/^id=(\d+) .*user=workers /gm)].map(([, id]) => id!)

  test("as its user of Redis may not use the keys: all say so, and end", async () => {
    await server.redis.call("ACL", "SETUSER", "workers", "on", ">pw", "~{sluice}:*", "&*", "+@all")
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
    const before = new Set(await connections())
    const second = over.run()
    while ((await connections()).every((id) => before.has(id))) await sleep(10)
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
    // The first is asked alone, unless its answer takes long.
    await until(() => vendor.stats().answered > 0 && vendor.stats().inFlight === 2)
    const { answered } = vendor.stats()
    first.child.kill("SIGTERM")
    expect(await first.ended).toBe(0)
    expect(vendor.stats().answered).toBe(answered + 2)
    const second = await worker()
    expect(await running.ended).toMatchObject({ code: 0 })
    expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
    expect(vendor.stats().answered).toBe(6)
    second.child.kill("SIGTERM")
    expect(await second.ended).toBe(0)
    await vendor.stop()
  }, 60_000)
})
