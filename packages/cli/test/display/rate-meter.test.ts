import { describe, expect, it } from "vitest"
import { RateMeter } from "../../src/display/rate-meter.ts"

describe("RateMeter", () => {
  it("reads a steady rate, early and late", () => {
    const meter = new RateMeter(15_000, 5_000)
    for (let ms = 5_000; ms < 65_000; ms += 100) {
      meter.add(ms, 1)
      if (ms === 15_000 - 100 + 5_000) expect(meter.perMinute(ms + 100)).toBeCloseTo(600, -1)
    }
    expect(meter.perMinute(65_000)).toBeCloseTo(600, -1)
  })

  it("forgets what is older than its window", () => {
    const meter = new RateMeter(10_000, 0)
    meter.add(0, 100)
    expect(meter.perMinute(5_000)).toBe(1_200)
    expect(meter.perMinute(20_000)).toBe(0)
    meter.add(20_000, 10)
    expect(meter.perMinute(20_000)).toBeGreaterThan(0)
    expect(meter.perMinute(1_000_000)).toBe(0)
  })

  it("reads nothing before anything happened, and no thousands after one call", () => {
    const meter = new RateMeter(10_000, 0)
    expect(meter.perMinute(123)).toBe(0)
    meter.add(123, 1)
    expect(meter.perMinute(124)).toBe(60)
    expect(meter.perMinute(5_000)).toBe(12)
  })

  it("does not mind a clock that stands still or an event that comes late", () => {
    const meter = new RateMeter(10_000, 0)
    meter.add(9_000, 1)
    meter.add(5_000, 1)
    expect(meter.perMinute(9_000)).toBeCloseTo(120 / 9)
  })
})
