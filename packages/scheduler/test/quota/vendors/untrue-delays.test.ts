import type { AdmitOptions, Cost, Permit } from "@sluice/core"
import {
  awakeQuota,
  seededRandom,
  simulate,
  type SimulatedLimiter,
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

/** A batch of 40 s at a vendor whose bucket holds one call. */
function batch(perMinute: number): Promise<TrafficReport> {
  const calls = (perMinute * 40) / 60
  const inputTokens = { median: 300, sigma: 0, max: 300 }
  const outputTokens = { median: 100, sigma: 0, max: 100 }
  return simulate(
    {
      name: "batch",
      streams: [{ calls, arrivals: { kind: "bursts", size: calls, everyMs: 1 }, inputTokens, outputTokens }],
    },
    { limits: { requests: { limit: perMinute, burst: 1 } }, latency: { baseMs: 500, perOutputTokenMs: 5 } },
    {
      told: { requestsPerMinute: perMinute },
      networkJitterMs: 10,
      limiter: ({ told, ...ports }) => sayingMinute(awakeQuota({ ...told, ...ports })),
    },
  )
}

describe("a minute is named with every refusal, where a moment is true", () => {
  it.each([60, 600])("%i a minute: the refusal's own headers say when the limit is full again", async (perMinute) => {
    const { ratio, lost } = await batch(perMinute)
    expect(ratio).toBeLessThan(1.3)
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

  it("nothing says otherwise: it is obeyed each time", async () => {
    const { clock, next } = setUp()
    for (let event = 0; event < 3; event++) {
      const before = await next()
      const refusedCall = await next()
      await clock.advance(40)
      before.settle({ outcome: "success" })
      refusedCall.settle({ ...refused, limits: [{ ...limits[0], remaining: 30 }] })
      const closedMs = clock.now()
      const permit = await next()
      expect(clock.now() - closedMs).toBeGreaterThanOrEqual(60_000)
      permit.settle({ outcome: "success" })
    }
  })
})
