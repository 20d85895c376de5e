import { describe, expect, it } from "vitest"
import { oracle, type LimitKind, type VendorCall, type VendorOptions } from "../../src/index.ts"

const calls = (count: number, part: Partial<VendorCall> = {}): VendorCall[] =>
  Array.from({ length: count }, (_, id) => ({ id: `item-${id}`, inputTokens: 100, outputTokens: 0, ...part }))
const bare = { networkMs: 0, latency: { baseMs: 500, perOutputTokenMs: 0 } }
const timeOf = (work: VendorCall[], options: VendorOptions & { networkMs?: number }): number =>
  Math.round(oracle(work, { ...bare, ...options }).timeMs)

describe("the oracle", () => {
  it.each<[LimitKind, number]>([
    ["bucket", 60_000 + 500], // 60 at once, then one a second
    ["slices", 119_000 + 500],
    ["sliding", 60_000 + 500],
    ["fixed", 60_000 + 500],
  ])("knows when the last of 120 calls can start at 60 a minute: %s", (model, expected) => {
    expect(timeOf(calls(120), { limits: { requests: { limit: 60, model } } })).toBe(expected)
  })

  it("waits for the dimension that binds", () => {
    const limits = { requests: { limit: 600, burst: 1 }, inputTokens: { limit: 6000, burst: 100 } }
    expect(timeOf(calls(11), { limits })).toBe(10_000 + 500)
  })

  it("waits for output that was charged after the fact", () => {
    const limits = { outputTokens: { limit: 60_000, burst: 1000 } }
    const options = { ...bare, limits, latency: { baseMs: 1000, perOutputTokenMs: 0, knee: { at: 1 } } }
    // The first answer leaves the bucket 2,000 down after a second; the next begins when one token is there, 3,001 after the last.
    expect(timeOf(calls(11, { outputTokens: 3000 }), options)).toBe(10 * 3001 + 1000)
  })

  it("counts calls at once, and holds exactly the knee", () => {
    expect(timeOf(calls(10), { limits: { concurrency: 2 } })).toBe(2500)
    expect(timeOf(calls(64), { latency: { baseMs: 500, perOutputTokenMs: 0, knee: { at: 16, exponent: 2 } } })).toBe(
      2000,
    )
  })

  it("knows of outages, changes of limits and co-tenants", () => {
    const limits = { requests: { limit: 60, burst: 1 } }
    const outage = { schedule: [{ kind: "error503", fromMs: 500, toMs: 10_500 }] } as const
    expect(timeOf(calls(11), { limits, faults: outage })).toBe(19_500 + 500)
    expect(timeOf(calls(31), { limits, schedule: [{ atMs: 10_500, limits: { requests: 20 } }] })).toBe(
      Math.round(10_000 + 500 + (0.5 + 19) * 3000 + 500),
    )
    const raised = { schedule: [{ atMs: 1000, limits: { requests: 6000 } }] }
    expect(timeOf(calls(11), { limits: { requests: { limit: 6, burst: 1 } }, ...raised })).toBe(1009 + 9 * 10 + 500)
    const shared = timeOf(calls(601), { limits, coTenants: [{ requestsPerMinute: 30 }] })
    // They take half of it.
    expect(Math.abs(shared / 1_200_000 - 1)).toBeLessThan(0.1)
  })

  it("suffers faults by rate as everybody does, and finishes all", () => {
    const options = {
      ...bare,
      limits: { requests: { limit: 600, burst: 1 } },
      faults: { rates: { error500: 0.1, error529: 0.1, hang: 0.05 } },
    }
    const result = oracle(calls(1000), options)
    expect(result.answered).toBe(1000)
    // Faults that took their request cost a tenth of a second each: about 15 % more calls, and the repeats of repeats.
    expect(result.timeMs / 100_000).toBeGreaterThan(1.12)
    expect(result.timeMs / 100_000).toBeLessThan(1.25)
  })

  it("says so when the work can never be done", () => {
    const faults = { schedule: [{ kind: "billing", fromMs: 4500 }] } as const
    expect(oracle(calls(11), { ...bare, limits: { requests: { limit: 60, burst: 1 } }, faults })).toEqual({
      timeMs: Infinity,
      answered: 5,
    })
  })
})
