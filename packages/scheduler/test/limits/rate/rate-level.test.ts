import { describe, expect, it } from "vitest"
import { RateLimit } from "../../../src/limits/rate/rate-limit.ts"

/** How many calls may leave at this moment. */
function atOnce(limit: RateLimit, nowMs: number): number {
  let count = 0
  for (; limit.msUntil(nowMs, 1, false) === 0; count++) limit.take(nowMs, 1)
  return count
}

/** 1,200 a minute of which 20 may leave at once, as a refusal has shown. */
function bounded(): RateLimit {
  const limit = new RateLimit({
    name: "requestsPerMinute",
    dimension: "requests",
    told: 1_200,
    windowMs: 60_000,
    jitterMs: 0,
    nowMs: 0,
  })
  limit.take(0, 1)
  limit.depth.refused(0, 20)
  return limit
}

describe("a depth that a refusal bounded", () => {
  it("is after a pause what it was before, and more once it has been used again for a while", () => {
    const limit = bounded()
    expect(atOnce(limit, 300_000)).toBeLessThanOrEqual(21)
    for (let nowMs = 300_050; nowMs < 350_000; nowMs += 50)
      if (limit.msUntil(nowMs, 1, false) === 0) limit.take(nowMs, 1)
    expect(limit.depthAt(350_000)).toBeGreaterThan(25)
  })

  it("is tried again while calls wait for it, however far apart they leave", () => {
    const limit = bounded()
    for (let nowMs = 11_000; nowMs < 70_000; nowMs += 11_000) {
      limit.pressed(nowMs)
      limit.take(nowMs, 1)
    }
    expect(limit.depthAt(70_000)).toBeGreaterThan(40)
  })
})
