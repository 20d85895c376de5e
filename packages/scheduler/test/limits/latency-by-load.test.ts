import { lognormal, seededRandom } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { LatencyByLoad } from "../../src/limits/latency-by-load.ts"

/** Feeds calls at a load, `msPerToken` each; answers the last ratio said. */
function feed(
  latency: LatencyByLoad,
  inFlight: number,
  msPerToken: number,
  count: number,
  options: { readonly spread?: () => number; readonly firstTokenMs?: number } = {},
): { readonly ratio: number | undefined; readonly after: number } {
  for (let i = 1; i <= count; i++) {
    const outputTokens = 100 + ((i * 37) % 200)
    const { firstTokenMs = 0 } = options
    const totalMs = firstTokenMs + outputTokens * msPerToken * (options.spread?.() ?? 1)
    const rise = latency.add({ inFlight, outputTokens, totalMs, firstTokenMs })
    if (rise?.isSure) return { ratio: rise.ratio, after: i }
  }
  return { ratio: undefined, after: count }
}

describe("latency by load", () => {
  it("says nothing while latency is the same at every load", () => {
    const latency = new LatencyByLoad()
    for (const inFlight of [4, 8, 16, 32, 64]) expect(feed(latency, inFlight, 10, 200).ratio).toBe(undefined)
  })

  it("sees twice the latency after a handful of calls", () => {
    const latency = new LatencyByLoad()
    feed(latency, 8, 10, 50)
    const seen = feed(latency, 32, 20, 50)
    expect(seen.ratio).toBeCloseTo(2, 1)
    expect(seen.after).toBeLessThanOrEqual(6)
  })

  it("finds a rise likely before it is sure of it, and none likely where there is none", () => {
    const latency = new LatencyByLoad()
    feed(latency, 8, 10, 50)
    const slower = { inFlight: 32, outputTokens: 100, firstTokenMs: 0, totalMs: 1_250 }
    const rises = Array.from({ length: 80 }, () => latency.add(slower)?.isSure)
    expect(rises.slice(3, 5)).toEqual([undefined, false])
    expect(rises.at(-1)).toBe(true)
    const even = new LatencyByLoad()
    feed(even, 8, 10, 50)
    for (let i = 0; i < 50; i++) expect(even.add({ ...slower, totalMs: 1_000 })).toBe(undefined)
  })

  it("sees 1.2 times after a hundred, and not after ten", () => {
    const latency = new LatencyByLoad()
    const random = seededRandom(5)
    const spread = (): number => lognormal(random, 1, 0.4)
    feed(latency, 8, 10, 200, { spread })
    const seen = feed(latency, 32, 12, 300, { spread })
    expect(seen.ratio).toBeGreaterThan(1.1)
    expect(seen.ratio).toBeLessThan(1.5)
    expect(seen.after).toBeGreaterThan(10)
    expect(seen.after).toBeLessThanOrEqual(100)
  })

  it("compares with lighter load only: what is fast under load accuses nobody", () => {
    const latency = new LatencyByLoad()
    feed(latency, 32, 10, 100)
    expect(feed(latency, 8, 20, 100).ratio).toBe(undefined)
  })

  it("does not compare loads that are nearly the same", () => {
    const latency = new LatencyByLoad()
    feed(latency, 30, 10, 100)
    expect(feed(latency, 32, 30, 100).ratio).toBe(undefined)
  })

  it("leaves the time to the first token out: that follows the prompt", () => {
    const latency = new LatencyByLoad()
    feed(latency, 8, 10, 100)
    expect(feed(latency, 32, 10, 100, { firstTokenMs: 60_000 }).ratio).toBe(undefined)
  })

  it("needs to know tokens and time", () => {
    const latency = new LatencyByLoad()
    feed(latency, 8, 10, 100)
    for (let i = 0; i < 50; i++) {
      expect(latency.add({ inFlight: 32, totalMs: 90_000 })).toBe(undefined)
      expect(latency.add({ inFlight: 32, totalMs: 90_000, outputTokens: 0 })).toBe(undefined)
      expect(latency.add({ inFlight: 32, outputTokens: 1 })).toBe(undefined)
    }
  })

  it("is not fooled by heavy tails", () => {
    let fooled = 0
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed)
      const latency = new LatencyByLoad()
      const spread = (): number => lognormal(random, 1, 0.35)
      feed(latency, 8, 10, 100, { spread })
      if (feed(latency, 32, 10, 100, { spread }).ratio !== undefined) fooled++
    }
    expect(fooled).toBeLessThanOrEqual(5)
  })

  it("forgets: a server that became slow for all is not queueing", () => {
    const latency = new LatencyByLoad()
    feed(latency, 8, 10, 400)
    feed(latency, 8, 20, 6_000)
    expect(feed(latency, 32, 20, 200).ratio).toBe(undefined)
  })
})
