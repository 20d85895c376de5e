import { awakeQuota, randomTraffic, simulate, type SimulateOptions, type VendorOptions } from "@sluice/lab"
import type { LimitReading, Permit } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { batch, fast, runs, small } from "../../fixtures/traffic-runs.ts"

const silent = { headers: "none", retryAfter: "none" } as const

/** A quota that never hears which limit refused, nor why, where a `reason` is given. */
const unnamed =
  (reason?: "rate"): NonNullable<SimulateOptions["limiter"]> =>
  ({ told, clock, random }) => {
    const quota = awakeQuota({ ...told, clock, random })
    const deaf = (permit: Permit): Permit => ({
      settle(end) {
        if (end.outcome !== "throttled") return permit.settle(end)
        const { dimension: _unnamed, message: _silent, ...rest } = end
        permit.settle(reason ? { ...rest, reason } : rest)
      },
    })
    return {
      admit: async (cost, options) => deaf(await quota.admit(cost, options)),
      tryAdmit: (cost, options) => {
        const permit = quota.tryAdmit(cost, options)
        return permit && deaf(permit)
      },
      snapshot: () => quota.snapshot(),
    }
  }

describe("a vendor that checks slices of a second, the minute told rightly, refusals that name nothing", () => {
  it("a batch is spread over the slices, and not taken for a want of places", async () => {
    for (const perMinute of [120, 600, 1_500]) {
      const reports = await runs(
        batch(150),
        { limits: { requests: { limit: perMinute, model: "slices" } }, latency: fast, retryAfter: "none" },
        { told: { requestsPerMinute: perMinute }, wire: "azure", limiter: unnamed() },
      )
      for (const { refusedRatio, ratio } of reports) {
        expect(refusedRatio).toBeLessThanOrEqual(0.06)
        expect(ratio).toBeLessThanOrEqual(1.3)
      }
    }
  })
})

describe("a server of a few places that says no more than 429", () => {
  it("is found by its places, however few, also where more were told: no rate is looked for", async () => {
    const latency = { baseMs: 250, perOutputTokenMs: 0 }
    for (const places of [1, 2, 3, 4, 6])
      for (const told of [{}, { concurrency: places + 1 }, { concurrency: 9 }, { concurrency: 30 }]) {
        const vendor: VendorOptions = { limits: { concurrency: places }, latency, headers: "none", retryAfter: "none" }
        for (const { ratio } of await runs(batch(150), vendor, { told, limiter: unnamed("rate") }))
          expect(ratio, JSON.stringify({ places, told })).toBeLessThanOrEqual(1.2)
      }
  })
})

describe("a bucket of one call behind a minute that was told as a number", () => {
  const cases = [
    ["a minute of 60, bursts, delays in seconds, refusals charged", 60, { size: 20, everyMs: 30_000 }, "seconds", true],
    ["a minute of 6, no delay named", 6, { size: 40, everyMs: 0 }, "none", false],
  ] as const
  for (const [name, perMinute, arrivals, retryAfter, chargeRefused] of cases) {
    it(`${name}: a handful of refusals find it`, async () => {
      const reports = await runs(
        { calls: 5 * 8, ...small, arrivals: { kind: "bursts", ...arrivals } },
        {
          limits: { requests: { limit: perMinute, burst: 1 } },
          latency: fast,
          headers: "none",
          retryAfter,
          chargeRefused,
        },
        { told: { requestsPerMinute: perMinute }, networkJitterMs: 10 },
      )
      for (const { refused } of reports) expect(refused).toBeLessThanOrEqual(6)
    })
  }
})

describe("a trickle beside a neighbour, the rate told, no headers", () => {
  const cases = [
    ["a deep bucket, half of it theirs", { limit: 60 }, 0.6, 1, 1_000],
    ["a shallow bucket, in bursts", { limit: 60, burst: 10 }, 0.2, 15, 20_000],
    ["slices of a second, in bursts", { limit: 60, model: "slices" }, 0.2, 5, 90_000],
  ] as const
  for (const [name, requests, share, burst, boundMs] of cases) {
    it(`${name}: a refusal now and then starves nobody`, async () => {
      const reports = await runs(
        { calls: 120, arrivals: { kind: "poisson", perMinute: 18 }, ...small },
        {
          limits: { requests },
          latency: fast,
          headers: "none",
          coTenants: [{ requestsPerMinute: 60 * share, tokensPerCall: 100, burst }],
        },
        { told: { requestsPerMinute: 60 }, wire: "bare" },
      )
      for (const { addedMs } of reports) expect(addedMs.p95).toBeLessThanOrEqual(boundMs)
    })
  }
})

describe("a call keeps its place in time", () => {
  it("3 a minute, 50 workers: the first to ask are not the last to be answered", async () => {
    const reports = await runs(
      { calls: 60, arrivals: { kind: "workers", workers: 50 }, ...small },
      { limits: { requests: 3 }, latency: fast },
    )
    for (const { addedMs, ratio } of reports) {
      expect(addedMs.max).toBeLessThanOrEqual(120_000)
      expect(ratio).toBeLessThanOrEqual(1.1)
    }
  })
})

describe("what a user tells of the kind", () => {
  for (const kind of ["fixed", "sliding"] as const) {
    it(`is a prior: told ${kind}, a shallow bucket in truth, headers that say so`, async () => {
      const told = { limit: 600, kind, ...(kind === "fixed" && { resetAt: 0 }) }
      const reports = await runs(
        batch(600),
        { limits: { requests: { limit: 600, burst: 10 } }, latency: fast },
        { told: { requestsPerMinute: told } },
      )
      for (const { ratio, refusedRatio } of reports) {
        // All 600 leave at once, as told.
        expect(ratio).toBeLessThanOrEqual(1.05)
        expect(refusedRatio).toBeLessThanOrEqual(1)
      }
    })
  }
})

/** A quota that is not told for how long a window the limits of answers are. */
const timeless: NonNullable<SimulateOptions["limiter"]> = ({ told, clock, random }) => {
  const quota = awakeQuota({ ...told, clock, random })
  const withoutWindow = (permit: Permit): Permit => ({
    settle(end) {
      if (!("limits" in end) || !end.limits) return permit.settle(end)
      const limits = end.limits.map(({ windowMs: _unsaid, ...one }: LimitReading) => one)
      permit.settle({ ...end, limits })
    },
  })
  return {
    admit: async (cost, options) => withoutWindow(await quota.admit(cost, options)),
    tryAdmit: (cost, options) => {
      const permit = quota.tryAdmit(cost, options)
      return permit && withoutWindow(permit)
    },
    snapshot: () => quota.snapshot(),
  }
}

describe("nothing told, windows of seconds that answers take for granted", () => {
  for (const windowMs of [5_000, 10_000]) {
    it(`200 in each ${windowMs / 1_000} s, resets in whole seconds: what remains is believed, also after a refusal`, async () => {
      const reports = await runs(
        batch(800),
        {
          limits: { requests: { limit: 200, windowMs, model: "fixed", anchorMs: windowMs } },
          latency: { baseMs: 300, perOutputTokenMs: 0, heavyTail: 0.2 },
          headers: "anthropic",
          retryAfter: "seconds",
        },
        { wire: "anthropic", limiter: timeless, networkMs: 1, networkJitterMs: 3 },
      )
      for (const { ratio } of reports) expect(ratio).toBeLessThanOrEqual(1.3)
    })
  }
})

describe("nothing told, a minute that says nothing of itself", () => {
  for (const perMinute of [20, 100, 400]) {
    it(`${perMinute} in any minute: known by its silence, and filled again as soon as it moves on`, async () => {
      const reports = await runs(
        [batch(2.5 * perMinute), { calls: 20, arrivals: { kind: "poisson", perMinute: 10 }, ...small, priority: 1 }],
        { limits: { requests: { limit: perMinute, model: "sliding" } }, latency: fast, ...silent },
      )
      for (const { ratio, addedMsByPriority } of reports) {
        expect(ratio).toBeLessThanOrEqual(1.2)
        expect(addedMsByPriority[1]!.p95).toBeLessThanOrEqual(2_000)
      }
    })
  }
})

describe("nothing told, no headers, 15 of 100 calls refused whatever the load", () => {
  it("the first refusal for a rate measures nothing, and calls that left in the moment of one had left before it", async () => {
    const vendor = {
      limits: { requests: 500 },
      latency: { baseMs: 500, perOutputTokenMs: 0 },
      headers: "none",
    } as const
    const faults = { rates: { error503: 0.15 } }
    for (const { ratio } of await runs(batch(1_000), { ...vendor, faults })) expect(ratio).toBeLessThanOrEqual(1.3)
  })
})

describe("nothing told, a window of seconds that says nothing of itself", () => {
  for (const retryAfter of ["none", "exact", "seconds"] as const) {
    it(`20 in any two seconds, delays ${retryAfter}: the first refusal concludes nothing from a minute that had begun a moment ago`, async () => {
      const vendor = { limits: { requests: { limit: 20, windowMs: 2_000, model: "sliding" } }, latency: fast } as const
      for (const [calls, bound] of [
        [40, 1.4],
        [200, 1.5],
      ] as const)
        for (const { ratio, refused } of await runs(batch(calls), { ...vendor, headers: "none", retryAfter })) {
          expect(ratio).toBeLessThanOrEqual(bound)
          expect(refused).toBeLessThanOrEqual(20)
        }
    })
  }
})

describe("told a fixed minute, and not when it ends, which answers say", () => {
  for (const anchorMs of [3_000, 10_000, 30_000]) {
    for (const style of ["openai", "anthropic"] as const) {
      it(`ending ${anchorMs / 1_000} s after the first call, said as ${style} does: the next one is used from its start`, async () => {
        const reports = await runs(
          batch(700),
          { limits: { requests: { limit: 600, model: "fixed", anchorMs } }, latency: fast, headers: style },
          { told: { requestsPerMinute: { limit: 600, kind: "fixed" } }, wire: style },
        )
        for (const { timeMs, refused } of reports) {
          expect(timeMs).toBeLessThanOrEqual(anchorMs + 1_000)
          expect(refused).toBe(0)
        }
      })
    }
  }

  it("counted as a sliding one in truth, or a bucket: no slower than if answers said nothing", async () => {
    for (const model of ["sliding", "bucket"] as const) {
      const reports = await runs(
        { calls: 900, arrivals: { kind: "workers", workers: 20 }, ...small },
        { limits: { requests: { limit: 600, model } }, latency: fast },
        { told: { requestsPerMinute: { limit: 600, kind: "fixed" } } },
      )
      for (const { ratio, refused } of reports) {
        expect(ratio).toBeLessThanOrEqual(1.1)
        expect(refused).toBeLessThanOrEqual(1)
      }
    }
  })
})

describe("a number told or nothing, and answers that say how it is counted", () => {
  for (const told of [{}, { requestsPerMinute: 600 }])
    for (const [name, requests] of [
      ["a fixed minute that begins now", { limit: 600, model: "fixed", anchorMs: 0 }],
      ["a fixed minute that ends in 20 s", { limit: 600, model: "fixed", anchorMs: 20_000 }],
      ["a fixed minute that ends in 45 s", { limit: 600, model: "fixed", anchorMs: 45_000 }],
      ["a sliding minute", { limit: 600, model: "sliding" }],
    ] as const)
      it(`${name}, told ${JSON.stringify(told)}: used as it is counted from the first one on`, async () => {
        for (const { ratio, refused } of await runs(batch(1_500), { limits: { requests }, latency: fast }, { told })) {
          expect(ratio).toBeLessThanOrEqual(1.05)
          expect(refused).toBeLessThanOrEqual(5)
        }
      })
})

describe("headers that say that all remains, whatever is used", () => {
  it("are not taken for those of a window: who goes first behind a batch waits for no reset", async () => {
    const reports = await runs(
      [batch(300), { calls: 30, arrivals: { kind: "poisson", perMinute: 15 }, ...small, priority: 1 }],
      { limits: { requests: { limit: 150 } }, latency: fast, headers: "wrong", retryAfter: "none" },
      { told: { requestsPerMinute: 150 } },
    )
    for (const { addedMsByPriority } of reports) expect(addedMsByPriority[1]!.max).toBeLessThanOrEqual(5_000)
  })

  it("bound the depth all the same once they refuse (draw 4774)", async () => {
    const { shape, vendor, options } = randomTraffic(4774)
    expect((await simulate(shape, vendor, options)).refusedRatio).toBeLessThanOrEqual(0.2)
  })
})

describe("priority", () => {
  it("goes first behind a long batch: within the time in which one call is admitted", async () => {
    const reports = await runs(
      [batch(900), { calls: 40, arrivals: { kind: "poisson", perMinute: 30 }, ...small, priority: 1 }],
      { limits: { requests: { limit: 600, burst: 60 } }, latency: fast },
      { told: { requestsPerMinute: { limit: 600, kind: "bucket", burst: 60 } } },
    )
    for (const { addedMsByPriority } of reports) expect(addedMsByPriority[1]!.p95).toBeLessThanOrEqual(150)
  })

  it("takes a place beyond those that were guessed, and that a batch of long calls holds", async () => {
    const reports = await runs(
      [batch(60), { calls: 10, arrivals: { kind: "poisson", perMinute: 30 }, ...small, priority: 1 }],
      { latency: { baseMs: 5_000, perOutputTokenMs: 0 }, headers: "none" },
    )
    // The next leaves a moment after the last that was tried.
    for (const { addedMsByPriority } of reports) expect(addedMsByPriority[1]!.max).toBeLessThanOrEqual(10)
  })

  it("takes more of them as it comes, where the first answer is long in coming", async () => {
    const reports = await runs(
      [batch(60), { calls: 40, arrivals: { kind: "poisson", perMinute: 300 }, ...small, priority: 1 }],
      { latency: { baseMs: 20_000, perOutputTokenMs: 0 }, headers: "none" },
    )
    for (const { addedMsByPriority } of reports) expect(addedMsByPriority[1]!.max).toBeLessThanOrEqual(250)
  })
})

describe("a window whose kind nobody told and that says nothing of itself", () => {
  for (const told of [100, 300]) {
    it(`told ${told} where it holds 100: known by its silence, and filled again as soon as it moves on`, async () => {
      const reports = await runs(
        [batch(250), { calls: 20, arrivals: { kind: "poisson", perMinute: 10 }, ...small, priority: 1 }],
        { limits: { requests: { limit: 100, model: "sliding" } }, latency: fast, headers: "none", retryAfter: "none" },
        { told: { requestsPerMinute: told } },
      )
      for (const { addedMsByPriority, ratio } of reports) {
        expect(ratio).toBeLessThanOrEqual(told === 100 ? 1.05 : 1.2)
        if (told === 100) expect(addedMsByPriority[1]!.p95).toBeLessThanOrEqual(2_000)
      }
    })
  }
})

describe("nothing told, long answers", () => {
  const long = { limits: { requests: 2_000 }, latency: { baseMs: 12_000, perOutputTokenMs: 0 } } as const

  it("a trickle waits for no answer: places that are guessed follow what comes", async () => {
    const trickle = { calls: 200, arrivals: { kind: "poisson", perMinute: 600 }, ...small } as const
    for (const { addedMs, refused } of await runs(trickle, { ...long, headers: "none" })) {
      expect([addedMs.p95, refused]).toEqual([0, 0])
      expect(addedMs.max).toBeLessThanOrEqual(250)
    }
  })

  for (const headers of ["none", "openai"] as const) {
    it(`fifty at once have all left within a second, headers ${headers}`, async () => {
      for (const { ratio, refused } of await runs(batch(50), { ...long, headers })) {
        expect(ratio).toBeLessThanOrEqual(1.1)
        expect(refused).toBe(0)
      }
    })

    it(`and find twenty places without a herd, headers ${headers}`, async () => {
      const limits = { requests: 2_000, concurrency: 20 }
      for (const { ratio, refused } of await runs(batch(50), { ...long, limits, headers })) {
        expect(ratio).toBeLessThanOrEqual(1.05)
        expect(refused).toBeLessThanOrEqual(15)
      }
    })
  }

  it("a large batch is not let loose for that: ten run until the first answer is there", async () => {
    for (const { truth } of await runs(batch(100), { ...long, headers: "none" })) {
      const early = truth.perSecond.filter(({ second }) => second < 10)
      expect(early.reduce((sum, { starts }) => sum + starts, 0)).toBe(10)
    }
  })
})

describe("nothing told, a vendor whose 429 says nothing", () => {
  for (const seed of [1412, 2151, 2814]) {
    it(`draw ${seed}: one call after the other refused is neither luck nor a want of places, and none is refused for good`, async () => {
      const { shape, vendor, options } = randomTraffic(seed)
      const { lost, refused } = await simulate(shape, vendor, options)
      expect(lost).toBe(0)
      expect(refused).toBeLessThanOrEqual(100)
    })
  }
})

describe("too many at once", () => {
  it("said in the vendor's words is a want of places, whatever rates are told", async () => {
    const reports = await runs(
      batch(300),
      {
        limits: { requests: 60_000, concurrency: { limit: 8, status: 429 } },
        latency: { baseMs: 500, perOutputTokenMs: 0 },
        headers: "none",
      },
      { told: { requestsPerMinute: { limit: 60_000, kind: "sliding" } } },
    )
    for (const { ratio, refusedRatio } of reports) {
      expect(ratio).toBeLessThanOrEqual(1.1)
      // All 300 are on their way before the first is refused.
      expect(refusedRatio).toBeLessThanOrEqual(1.3)
    }
  })
})

describe("only concurrency told, no headers", () => {
  it("learns the rate from refusals", async () => {
    const reports = await runs(
      batch(300),
      { limits: { requests: { limit: 300, burst: 30 } }, latency: fast, headers: "none" },
      { told: { concurrency: 20 }, wire: "bare" },
    )
    for (const { refusedRatio, ratio } of reports) {
      expect(refusedRatio).toBeLessThanOrEqual(0.15)
      expect(ratio).toBeLessThanOrEqual(1.3)
    }
  })
})

describe("slow start, the rate told, answers that take long", () => {
  it("goes on once a refusal would have come back, whether or not answers have come", async () => {
    const reports = await runs(
      batch(100),
      { limits: { requests: 100 }, latency: { baseMs: 20_000, perOutputTokenMs: 0 } },
      { told: { requestsPerMinute: 100 } },
    )
    for (const { timeMs } of reports) expect(timeMs).toBeLessThanOrEqual(24_000)
  })
})

describe("a learned rate that grows while a long wait goes on", () => {
  it.each([1832, 2240, 2499])("wakes the first that waits in time (draw %i)", async (seed) => {
    const { shape, vendor, options } = randomTraffic(seed)
    expect(await simulate(shape, vendor, options)).toMatchObject({ hungAtMs: undefined, repeated: 0 })
  })
})
