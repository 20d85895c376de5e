import { describe, expect, test } from "vitest"
import { readQuotas, setSharedLimits, type SharedQuotaState } from "../src/read-quotas.ts"
import { sharedQuotas } from "../src/shared-quotas.ts"
import { findServer } from "./redis-server.ts"
import { suiteServer } from "./suite-server.ts"

const program = findServer()

describe.skipIf(program === undefined)("what an operator sees and sets", () => {
  const server = suiteServer(program)

  test("limits, members and places; a limit that is set holds for all at once, and is taken back by 0", async () => {
    const shared = sharedQuotas({ redis: server.redis })
    const quota = shared.quota("nightly", { requestsPerMinute: { limit: 600, kind: "bucket" }, concurrency: 5 })
    const permit = await quota.admit()
    const [state] = await readQuotas(server.redis)
    expect(state).toMatchObject({ name: "nightly", places: 5, running: 1, refused: 0, gateMs: 0, share: 1 })
    expect(state?.members).toMatchObject([{ places: 1 }])
    expect(state?.limits).toMatchObject([{ name: "requestsPerMinute", kind: "bucket", used: 600, told: 600 }])

    await setSharedLimits(server.redis, "nightly", { requestsPerMinute: 60, concurrency: 2 })
    permit.settle({ outcome: "success" })
    const next = await quota.admit()
    expect(quota.snapshot().limits).toMatchObject([{ limit: 2 }, { name: "requestsPerMinute", effective: 60 }])
    await setSharedLimits(server.redis, state!.tag, { requestsPerMinute: 0 })
    expect((await readQuotas(server.redis))[0]?.limits[0]).toMatchObject({ used: 600 })
    next.settle({ outcome: "success" })
    await shared.close()
    expect((await readQuotas(server.redis))[0]?.members).toEqual([])
  }, 60_000)

  test("who waits for what, and who has a time to start at", async () => {
    const shared = sharedQuotas({ redis: server.redis })
    const limits = { requestsPerMinute: { limit: 60, kind: "bucket", burst: 2 }, concurrency: 100 } as const
    const quota = shared.quota("busy", limits)
    const calls = Array.from({ length: 60 }, () => quota.admit().catch(() => {}))
    const busy = async (): Promise<SharedQuotaState> =>
      (await readQuotas(server.redis)).find(({ name }) => name === "busy")!
    await expect.poll(async () => (await busy())?.members[0]?.tickets, { timeout: 20_000 }).toBe(1)
    const [member] = (await busy()).members
    expect(member).toMatchObject({ asks: true, waitsFor: "requestsPerMinute" })
    expect(member?.waiting).toBeGreaterThan(10)
    expect(member?.waiting).toBeLessThan(60)
    expect(await shared.read()).toMatchObject([{ name: "busy", waiting: [{ reason: "requestsPerMinute" }] }])

    quota.retune({ requestsPerMinute: 600_000 })
    await Promise.all(calls)
    await expect.poll(async () => (await busy()).members[0]?.waiting, { timeout: 20_000 }).toBe(0)
    expect((await busy()).members[0]).not.toHaveProperty("waitsFor")
    await shared.close()
  }, 60_000)

  test("what is not there is said", async () => {
    await expect(setSharedLimits(server.redis, "nobody", { requestsPerMinute: 1 })).rejects.toThrow(
      'no quota is called "nobody"',
    )
    await expect(setSharedLimits(server.redis, "nightly", { tokensPerMinute: 1 })).rejects.toThrow(
      "must be one of requestsPerMinute, concurrency",
    )
  })
})
