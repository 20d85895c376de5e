import type { VendorOptions } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { batch, fast, runs, small } from "../../fixtures/traffic-runs.ts"

const silent = { latency: fast, headers: "none", retryAfter: "none" } as const

describe("told rightly as a bucket, headers that say that all remains, whatever is used", () => {
  for (const [name, limits, told] of [
    ["requests", { requests: 200 }, { requestsPerMinute: { limit: 200, kind: "bucket" } }],
    ["tokens", { tokens: 24_000 }, { tokensPerMinute: { limit: 24_000, kind: "bucket" } }],
  ] as const) {
    it(`${name}: an answer that denies its own call raises no level, and nothing is refused`, async () => {
      const workers = { calls: 300, arrivals: { kind: "workers", workers: 50 }, ...small } as const
      const vendor: VendorOptions = {
        limits,
        latency: { baseMs: 500, perOutputTokenMs: 0 },
        headers: "wrong",
        retryAfter: "none",
        chargeRefused: true,
      }
      for (const { refused, ratio } of await runs(workers, vendor, { told })) {
        expect(refused).toBe(0)
        expect(ratio).toBeLessThanOrEqual(1.02)
      }
    })
  }
})

describe("a rate told rightly as a number, of which little stands ready, and a vendor that says nothing", () => {
  for (const [name, requests, told] of [
    ["one call at a time", { limit: 60, burst: 1 }, 60],
    ["slices of a second", { limit: 120, model: "slices" }, 120],
  ] as const) {
    it(`${name}: more than what held is tried now and then, and is what was refused`, async () => {
      const vendor: VendorOptions = { limits: { requests }, ...silent }
      for (const { refused, ratio } of await runs(batch(200), vendor, { told: { requestsPerMinute: told } })) {
        expect(refused).toBeLessThanOrEqual(4)
        expect(ratio).toBeLessThanOrEqual(1.03)
      }
    })
  }
})

describe("a rate told rightly as a number, of which a second or three stand ready, and delays that are named exactly", () => {
  it.each([60, 120])(
    "%i at once of 1,200 a minute: the depth is what was too much, and no rate is looked for",
    async (burst) => {
      const vendor: VendorOptions = { limits: { requests: { limit: 1_200, burst } }, latency: fast, headers: "none" }
      for (const { refused, ratio } of await runs(batch(200), vendor, { told: { requestsPerMinute: 1_200 } })) {
        expect(ratio).toBeLessThanOrEqual(1.05)
        expect(refused).toBeLessThanOrEqual(15)
      }
    },
  )
})

describe("told rightly as a fixed window of seconds, and not when it ends, over a network that brings calls together", () => {
  it("is used a window apart from the last, and a call that came too early takes nothing back", async () => {
    for (const [anchorMs, networkJitterMs] of [
      [60, 250],
      [100, 150],
      [150, 250],
      [200, 250],
    ] as const)
      for (const retryAfter of ["none", "exact"] as const) {
        const requests = { limit: 20, windowMs: 2_000, model: "fixed", anchorMs } as const
        const vendor: VendorOptions = { limits: { requests }, latency: fast, headers: "none", retryAfter }
        const told = { requestsPerMinute: { limit: 20, windowMs: 2_000, kind: "fixed" } } as const
        // Three windows after the first: 6 s, and what the network takes.
        for (const { timeMs, refused } of await runs(batch(80), vendor, { told, networkMs: 2, networkJitterMs })) {
          expect(timeMs, JSON.stringify({ anchorMs, networkJitterMs, retryAfter })).toBeLessThanOrEqual(7_600)
          expect(refused).toBeLessThanOrEqual(8)
        }
      }
  })
})
