import { describe, expect, it } from "vitest"
import { GrowthLimit } from "../../src/limits/growth-limit.ts"

/** Takes all that fits every tenth of a second, from one moment to another. Returns how many. */
function takeAll(limit: GrowthLimit, fromMs: number, toMs: number): number {
  let count = 0
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 100)
    for (; limit.msUntil(nowMs, 1, false) === 0; count++) limit.take(nowMs, 1)
  return count
}

describe("a limit on growth", () => {
  it("lets ten seconds bring what the refused ones had brought, and twice what came in ten of the minute before", () => {
    const limit = new GrowthLimit(0, 20, 1)
    expect(takeAll(limit, 0, 10_000)).toBe(0)
    const tens = [1, 2, 3, 4, 5, 6].map((ten) => takeAll(limit, ten * 10_000 + 200, (ten + 1) * 10_000 + 200))
    expect(tens[0]).toBe(20)
    expect(tens[5]! / 20).toBeGreaterThan(1.5)
    expect(tens).toEqual(tens.toSorted((a, b) => a - b))
  })

  it("learns of a refusal how much may come at least, and by how much it may grow, whichever was more", () => {
    const limit = new GrowthLimit(0, 20, 1)
    takeAll(limit, 10_200, 10_300)
    limit.refused(10_300)
    limit.refusedToo(10_310)
    expect(limit.fullPerMs(10_310) * 10_000).toBe(19)
    takeAll(limit, 20_400, 60_000)
    const before = limit.fullPerMs(60_000) * 10_000
    limit.refused(60_000)
    const after = limit.fullPerMs(60_000) * 10_000
    expect(after).toBeLessThan(before)
    expect(after).toBeGreaterThan(19)
  })

  it("takes what was refused for nothing that came", () => {
    const [limit, other] = [new GrowthLimit(0, 20, 1), new GrowthLimit(0, 20, 1)]
    limit.take(11_000, 1)
    limit.notAdmitted(1, 11_000)
    expect(limit.level(11_100)).toBe(other.level(11_100))
    expect(limit.fullPerMs(40_000)).toBe(other.fullPerMs(40_000))
  })
})
