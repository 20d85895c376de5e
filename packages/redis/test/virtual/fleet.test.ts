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

  test("a bucket that is found to be shallow has not lost twice what was missing in it", async () => {
    const bucket = { limit: 1_200, burst: 20 }
    const { ends, refused, times } = await virtualFleet({
      store,
      processes: 4,
      calls: 60,
      told: { requestsPerMinute: bucket.limit },
      vendor: { limits: { requests: bucket }, latency: { ...latency, baseMs: 1_000 } },
      sendMs: 3,
      firstMs: 1_000,
      seed: 3,
    })
    expect(ends).toEqual({ answered: 240 })
    expect(refused).toBeLessThanOrEqual(bucket.burst)
    // 5.67, with no call for 55 s, when what was seen of the deep bucket was taken from the shallow one.
    expect(times).toBeLessThanOrEqual(1.1)
  }, 120_000)

  for (const processes of [1, 4])
    for (const headers of ["openai", "none"] as const)
      test(`a bucket of one call: what arrives a little early is kept further apart, as in one process alone: ${processes}, headers ${headers}`, async () => {
        const bucket = { limit: 300, burst: 1 }
        const { ends, refused, times } = await virtualFleet({
          store,
          processes,
          calls: 100 / processes,
          told: { requestsPerMinute: { ...bucket, kind: "bucket" } },
          vendor: { limits: { requests: bucket }, latency, headers },
        })
        expect(ends).toEqual({ answered: 100 })
        // 60 with headers and 7 without, where 2 are refused of a quota of one process.
        expect(refused).toBeLessThanOrEqual(3)
        // 1.6, as each refusal stops all for a while.
        expect(times).toBeLessThanOrEqual(1.2)
      }, 120_000)

  const silent = { limits: { requests: truth }, latency, headers: "none", retryAfter: "none" } as const

  test("nothing told and no headers: a refusal lets nobody open the gate for all at once", async () => {
    const { ends, refused, times } = await virtualFleet({
      store,
      processes: 4,
      calls: 600,
      told: {},
      vendor: silent,
    })
    expect(ends).toEqual({ answered: 2_400 })
    // 548 when whoever learns opened it for all that waited.
    expect(refused).toBeLessThanOrEqual(60)
    expect(times).toBeLessThanOrEqual(1.05)
  }, 120_000)

  test("nothing told and no headers: what was sent late and passed counts where the first rate is measured", async () => {
    const { ends, refused, times } = await virtualFleet({
      store,
      processes: 4,
      calls: 600,
      told: {},
      vendor: silent,
      sendMs: 20,
      firstMs: 1_000,
      seed: 2,
    })
    expect(ends).toEqual({ answered: 2_400 })
    expect(refused).toBeLessThanOrEqual(truth.burst)
    // 3.64 when what had left before the first refusal did not count: a rate of 97 a minute in place of 3,000.
    expect(times).toBeLessThanOrEqual(1.06)
  }, 120_000)

  test("no headers: what was asked for before anybody could hear of a refusal is of the same event", async () => {
    const { ends, refused, times } = await virtualFleet({
      store,
      processes: 4,
      calls: 600,
      told: { requestsPerMinute: truth.limit },
      vendor: silent,
      sendMs: 20,
      firstMs: 1_000,
    })
    expect(ends).toEqual({ answered: 2_400 })
    // One burst.
    expect(refused).toBeLessThanOrEqual(truth.burst)
    // 1.057 when it was another event, and 1.70 when what was sent late was taken for a lower rate.
    expect(times).toBeLessThanOrEqual(1.03)
  }, 120_000)

  test("a program without this Redis that has half of the rate is learned of by all", async () => {
    const bucket = { limit: 600, burst: 100 }
    const { ends, refused, times } = await virtualFleet({
      store,
      processes: 4,
      calls: 300,
      told: { requestsPerMinute: { ...bucket, kind: "bucket" } },
      vendor: { limits: { requests: bucket }, coTenants: [{ requestsPerMinute: 300 }], latency },
    })
    expect(ends).toEqual({ answered: 1_200 })
    expect(times).toBeLessThanOrEqual(1.05)
    // 326 of 800, in a bucket of ten, when only what was missing between two answers counted.
    expect(refused).toBeLessThanOrEqual(150)
  }, 120_000)
})
