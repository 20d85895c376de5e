import type { VendorOptions } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { batch, fast, runs, small } from "../fixtures/traffic-runs.ts"

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
