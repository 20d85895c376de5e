import type { AdmitOptions, Cost, Permit } from "@sluice/core"
import {
  awakeQuota,
  type LimitOptions,
  seededRandom,
  simulate,
  type SimulatedLimiter,
  type SimulateOptions,
  type TrafficReport,
  VirtualClock,
} from "@sluice/lab"
import { describe, expect, it } from "vitest"
import type { Quota } from "../../../src/index.ts"

/** As a gateway does that names a minute with every refusal. */
function sayingMinute(quota: Quota): SimulatedLimiter {
  const saying = (permit: Permit): Permit => ({
    settle: (end) => permit.settle(end.outcome === "throttled" ? { ...end, retryAfterMs: 60_000 } : end),
  })
  return {
    admit: async (cost?: Cost, options?: AdmitOptions) => saying(await quota.admit(cost, options)),
    tryAdmit(cost?: Cost, options?: AdmitOptions) {
      const permit = quota.tryAdmit(cost, options)
      return permit && saying(permit)
    },
    snapshot: () => quota.snapshot(),
  }
}

interface Vendor {
  readonly requests: LimitOptions
  readonly headers?: "openai" | "none"
  readonly told?: SimulateOptions["told"]
}

/** A batch of so many calls at once. */
function batch(calls: number, { requests, headers = "openai", told = {} }: Vendor): Promise<TrafficReport> {
  const inputTokens = { median: 300, sigma: 0, max: 300 }
  const outputTokens = { median: 100, sigma: 0, max: 100 }
  return simulate(
    {
      name: "batch",
      streams: [{ calls, arrivals: { kind: "bursts", size: calls, everyMs: 1 }, inputTokens, outputTokens }],
    },
    { limits: { requests }, headers, latency: { baseMs: 500, perOutputTokenMs: 5 } },
    {
      told,
      networkJitterMs: 10,
      limiter: ({ told, ...ports }) => sayingMinute(awakeQuota({ ...told, ...ports })),
    },
  )
}

describe("a minute is named with every refusal, where a moment is true", () => {
  it.each([60, 600])("%i a minute: the refusal's own headers say when the limit is full again", async (perMinute) => {
    const requests = { limit: perMinute, burst: 1 }
    const { ratio, lost } = await batch((perMinute * 40) / 60, { requests, told: { requestsPerMinute: perMinute } })
    expect(ratio).toBeLessThan(1.3)
    expect(lost).toBe(0)
  })

  describe("without headers it is obeyed once, and tried after a quarter of a minute", () => {
    const headers = "none"

    it.each([
      ["one at a time, told rightly", 1, { requestsPerMinute: 600 }, 3.2],
      ["thirty at once, told rightly", 30, { requestsPerMinute: 600 }, 2.9],
      ["one at a time, told threefold", 1, { requestsPerMinute: 1_800 }, 3.6],
      ["thirty at once, told nothing", 30, {}, 3],
      // What the first minute teaches stands for minutes.
      ["one at a time, told nothing", 1, {}, 15.5],
    ])("%s", async (_name, burst, told, most) => {
      const report = await batch(400, { requests: { limit: 600, burst }, headers, told })
      expect(report.ratio).toBeLessThan(most)
      expect(report.refusedRatio).toBeLessThan(0.1)
      expect(report.lost).toBe(0)
    })
  })
})

describe("a minute is named with every refusal by a vendor that counts by the minute", () => {
  it.each([
    ["sliding, told nothing", { limit: 60, model: "sliding" }, {}, 1.15],
    ["sliding, told threefold", { limit: 60, model: "sliding" }, { requestsPerMinute: 180 }, 1.1],
    ["fixed, told nothing", { limit: 60, model: "fixed", anchorMs: 20_000 }, {}, 1.2],
    ["fixed, told rightly", { limit: 60, model: "fixed", anchorMs: 20_000 }, { requestsPerMinute: 60 }, 1.6],
  ] as const)("%s: as fast as where it is believed, and one refusal more", async (_name, requests, told, most) => {
    const { ratio, refused, lost } = await batch(132, { requests, headers: "none", told })
    expect(ratio).toBeLessThan(most)
    expect(refused).toBeLessThanOrEqual(68)
    expect(lost).toBe(0)
  })
})

describe("a minute is named, and it is true", () => {
  const limits = [{ dimension: "requests", limit: 6_000, remaining: 0, resetMs: 1_000 }] as const
  const refused = { outcome: "throttled", reason: "rate", dimension: "requests", retryAfterMs: 60_000 } as const

  function setUp(): { readonly clock: VirtualClock; readonly quota: Quota; readonly next: () => Promise<Permit> } {
    const clock = new VirtualClock()
    const quota = awakeQuota({ clock, random: seededRandom(1), requestsPerMinute: 6_000 })
    const next = async (): Promise<Permit> => {
      const asked = quota.admit()
      await clock.run(asked)
      return asked
    }
    return { clock, quota, next }
  }

  it("headers that say otherwise have kept no word once: then the delay is obeyed", async () => {
    const { clock, next } = setUp()
    const before = await next()
    before.settle({ outcome: "success" })
    const first = await next()
    await clock.advance(20)
    first.settle({ ...refused, limits })
    const second = await next()
    expect(clock.now()).toBeLessThan(2_000)
    await clock.advance(20)
    second.settle({ ...refused, limits })
    const againMs = clock.now()
    await next()
    expect(clock.now() - againMs).toBeGreaterThanOrEqual(60_000)
  })

  it("a vendor that bars whoever exceeds its limit for a minute, and asks in between, is tried once", async () => {
    const { clock, next } = setUp()
    const tries: number[] = []
    for (let event = 0; event < 6; event++) {
      let barredUntilMs = Infinity
      tries.push(0)
      for (;;) {
        const permit = await next()
        const sentMs = clock.now()
        await clock.advance(40)
        if (sentMs < barredUntilMs) {
          if (barredUntilMs < Infinity) tries[event]!++
          barredUntilMs = sentMs + 60_000
          permit.settle(refused)
          continue
        }
        permit.settle({ outcome: "success" })
        break
      }
    }
    // The trial, and the rest of a minute that the trial had begun anew.
    expect(tries).toEqual([0, 2, 0, 0, 0, 0])
  })
})
