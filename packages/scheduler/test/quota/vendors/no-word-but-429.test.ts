import { randomTraffic, simulate, type TrafficStream, type VendorOptions } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { runs } from "../../fixtures/traffic-runs.ts"

const wordless = { headers: "none", retryAfter: "none" } as const
const network = { wire: "bare", networkMs: 20, networkJitterMs: 10 } as const
const latencies = [
  { baseMs: 300, perOutputTokenMs: 0 },
  { baseMs: 400, perOutputTokenMs: 12 },
  { baseMs: 1_200, perOutputTokenMs: 84 },
] as const

/** Answers of about 200 tokens: a third of a second, three seconds and eighteen. */
const batch = (calls: number, sigma: number): TrafficStream => ({
  calls,
  arrivals: { kind: "bursts", size: calls, everyMs: 0 },
  inputTokens: 100,
  outputTokens: sigma === 0 ? 200 : { median: 200, sigma, max: 2_000 },
})

describe("a vendor that says no more than 429, no rate told", () => {
  for (const told of [{}, { concurrency: 20 }])
    for (const [name, requests, calls, most] of [
      ["60 a minute, one each second", { limit: 60, model: "slices" }, 180, 1.25],
      ["60 a minute, one at a time", { limit: 60, burst: 1 }, 180, 1.6],
      ["300 a minute, five each second", { limit: 300, model: "slices" }, 300, 1.5],
    ] as const) {
      it(`${name}, told ${JSON.stringify(told)}: a rate is found, however long answers take`, async () => {
        for (const latency of latencies)
          for (const sigma of [0, 0.8]) {
            const vendor: VendorOptions = { limits: { requests }, latency, ...wordless }
            for (const { ratio, refusedRatio } of await runs(batch(calls, sigma), vendor, { told, ...network })) {
              expect(ratio, JSON.stringify({ latency, sigma })).toBeLessThanOrEqual(most)
              expect(refusedRatio).toBeLessThanOrEqual(0.25)
            }
          }
      })
    }

  for (const told of [{}, { concurrency: 20 }])
    it(`places, told ${JSON.stringify(told)}: they are found, and more are tried ever more rarely`, async () => {
      for (const latency of latencies.slice(1))
        for (const sigma of [0, 0.8])
          for (const [limit, mostRefused] of [
            [1, 35],
            [2, 35],
            [4, 35],
            [10, 50],
          ] as const) {
            const vendor: VendorOptions = { limits: { concurrency: { limit, status: 429 } }, latency, ...wordless }
            const calls = Math.max(40, 20 * limit)
            for (const { ratio, refused } of await runs(batch(calls, sigma), vendor, { told, ...network })) {
              expect(ratio, JSON.stringify({ latency, sigma, limit })).toBeLessThanOrEqual(1.04)
              expect(refused, JSON.stringify({ latency, sigma, limit })).toBeLessThanOrEqual(mostRefused)
            }
          }
    })

  it("both: the places are no reason to take the rate for less", async () => {
    for (const latency of latencies) {
      const limits = { requests: { limit: 60, model: "slices" }, concurrency: { limit: 8, status: 429 } } as const
      for (const { ratio } of await runs(batch(120, 0), { limits, latency, ...wordless }, network))
        expect(ratio, JSON.stringify(latency)).toBeLessThanOrEqual(1.35)
    }
  })

  it("draw 8672: 60 a minute in slices, answers of half a minute, refusals charged", async () => {
    const { shape, vendor, options } = randomTraffic(8672)
    const { ratio, refusedRatio } = await simulate(shape, vendor, options)
    expect(ratio).toBeLessThanOrEqual(2.5)
    expect(refusedRatio).toBeLessThanOrEqual(0.25)
  })
})
