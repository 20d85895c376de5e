import { describe, expect, test } from "vitest"
import { realStore } from "./real-store.ts"
import { virtualFleet } from "./virtual-fleet.ts"

const { server, store } = await realStore()

/** 50 calls a second, 500 of them at once. */
const truth = { limit: 3_000, burst: 500 }
const latency = { baseMs: 100, perOutputTokenMs: 0 }

describe.skipIf(!server)("processes in virtual time that send their calls late", () => {
  test("an answer that overtook the calls of a process that is slow to begin raises no level", async () => {
    const { ends, hung, refused } = await virtualFleet({
      store,
      processes: 4,
      calls: 190,
      told: { requestsPerMinute: { ...truth, kind: "bucket" } },
      vendor: { limits: { requests: truth }, latency },
      sendMs: 3,
      firstMs: 1_000,
    })
    expect([ends, hung]).toEqual([{ answered: 760 }, 0])
    // 184 when it did.
    expect(refused).toBeLessThanOrEqual(25)
  }, 120_000)

  test("without headers no more are unanswered than were answered, or the first wave: a herd is as large as that", async () => {
    const { ends, hung, refused } = await virtualFleet({
      store,
      processes: 4,
      calls: 100,
      told: { requestsPerMinute: 600 },
      vendor: { limits: { requests: { limit: 600, burst: 100 } }, latency, headers: "none", retryAfter: "none" },
      sendMs: 60,
      firstMs: 1_000,
    })
    expect([ends, hung]).toEqual([{ answered: 400 }, 0])
    // A fifth of the limit; 213 when each answer let two more go whatever was on its way.
    expect(refused).toBeLessThanOrEqual(120)
  }, 120_000)
})
