import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { readQuotas } from "../../src/read-quotas.ts"
import { burst, clientOf, ending, fleetOf, program, rate, serverOf, tell } from "./failing-fleet.ts"
import { startProxy } from "./slow-proxy.ts"

/**
 * Real processes, real HTTP, a real server, and something that goes wrong with it. Thresholds are wide, as machines are busy: what was measured
 * on a quiet one stands in the table of docs/scale-out.md.
 */
describe.skipIf(program === undefined)("a quota shared by real processes", () => {
  test("forgets its scripts: nothing changes", async () => {
    const server = await serverOf()
    const { over, warnings } = await fleetOf(3, server.url)
    const client = clientOf(server.url)
    const flushing = setInterval(() => void client.script("FLUSH"), 200)
    const seen = await over(6_000)
    clearInterval(flushing)
    tell("script flush", { seen, warnings: await warnings() })
    expect(seen.refused).toBe(0)
    expect(seen.used).toBeGreaterThan(0.85)
    expect(await warnings()).toEqual([])
  }, 60_000)

  test("is 100 ms away: the rate stays, and a warning says so", async () => {
    const server = await serverOf()
    const proxy = ending(await startProxy(server.port))
    const { over, warnings } = await fleetOf(3, proxy.url)
    proxy.delayMs = 50
    await sleep(1_000)
    const seen = await over(6_000)
    const told = await warnings()
    tell("slow", { seen, told })
    expect(seen.refused).toBe(0)
    expect(seen.used).toBeGreaterThan(0.85)
    expect(told.some((text) => /^slow-store.*Redis takes 1\d\d ms/.test(text))).toBe(true)
  }, 60_000)

  test("throws keys away: warned of at once; limits begin anew with nothing in hand, so no herd follows", async () => {
    const server = await serverOf("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-random")
    const { vendor, over, warnings } = await fleetOf(3, server.url)
    const client = clientOf(server.url)
    const before = await client.info("stats")
    const filling = setInterval(() => {
      const pipeline = client.pipeline()
      for (let each = 0; each < 20; each++) pipeline.set(`other:${Math.random()}`, "x".repeat(10_000))
      void pipeline.exec()
    }, 20)
    const seen = await over(8_000)
    clearInterval(filling)
    const evicted = (text: string): number => Number(/evicted_keys:(\d+)/.exec(text)![1])
    const count = evicted(await client.info("stats")) - evicted(before)
    const told = await warnings()
    tell("eviction", { seen, count, told: told.map((text) => text.split(":")[0]) })
    expect(count).toBeGreaterThan(1_000)
    expect(told.filter((text) => text.startsWith("store-evicts"))).toHaveLength(3)
    const lives = told.filter((text) => text.startsWith("store-empty")).length / 3
    expect(lives).toBeGreaterThan(1)
    // Neither a storm of refusals nor no limit at all.
    expect(seen.refused).toBeLessThanOrEqual(2 * lives)
    expect(seen.used).toBeLessThan(1.15)
    const after = await over(4_000)
    tell("after eviction", after)
    expect(after.used).toBeGreaterThan(0.7)
    expect(vendor.stats().inFlight).toBeLessThan(burst)
  }, 60_000)

  test("takes nothing more, as its memory is full: processes go on with their share, and are told in its words", async () => {
    const server = await serverOf()
    const { over, warnings } = await fleetOf(2, server.url, { whenUnreachable: "share" })
    const client = clientOf(server.url)
    await client.config("SET", "maxmemory", "1mb")
    await sleep(4_000)
    const seen = await over(4_000)
    await client.config("SET", "maxmemory", "0")
    await sleep(2_000)
    const after = await over(4_000)
    const told = await warnings()
    tell("full", { seen, after, told })
    expect(seen.refused + after.refused).toBeLessThanOrEqual(1)
    expect(seen.used).toBeGreaterThan(0.75)
    expect(seen.used).toBeLessThan(1.1)
    expect(after.used).toBeGreaterThan(0.75)
    expect(told.some((text) => /^store-lost.*OOM/.test(text))).toBe(true)
    expect(told.some((text) => text.startsWith("store-back"))).toBe(true)
  }, 60_000)

  test("loses the process that learns: another learns, and nothing else changes", async () => {
    const server = await serverOf()
    // Told twice what the vendor grants: somebody has to have learned.
    const { workers, over } = await fleetOf(3, server.url, { limits: { requestsPerMinute: 120 * rate } })
    await sleep(4_000)
    const client = clientOf(server.url)
    const learner = async (): Promise<string | undefined> =>
      (await readQuotas(client))[0]?.members.find(({ learns }) => learns)?.id
    const first = await learner()
    workers[0]!.signal("SIGKILL")
    await sleep(4_000)
    const seen = await over(6_000)
    const second = await learner()
    tell("learner", { first, second, seen })
    expect(first).toBeDefined()
    expect(second).toBeDefined()
    expect(second).not.toBe(first)
    expect(seen.refused).toBeLessThanOrEqual(1)
    expect(seen.used).toBeGreaterThan(0.85)
  }, 60_000)
})
