import { describe, expect, it } from "vitest"
import { growthDefaults, LearnedShare, rampGrowth } from "../../src/quota/learned-share.ts"

/** The share at each second, asked every 100 ms. */
function at(share: LearnedShare, fromMs: number, toMs: number): number {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 100) share.grow(nowMs)
  return share.value
}

describe("a learned share", () => {
  it("is all of the limit until a cut", () => {
    const share = new LearnedShare(1)
    expect([share.value, share.grow(3_600_000), share.value]).toEqual([1, false, 1])
  })

  it("goes just below what was measured, or by a fifth, or by little when the vendor named a delay", () => {
    const cuts = [
      { measured: 0.7, timed: false, value: 0.7 * 0.985 },
      { measured: undefined, timed: false, value: 0.8 },
      { measured: undefined, timed: true, value: 0.985 },
      { measured: 5, timed: false, value: 0.985 },
    ]
    for (const { measured, timed, value } of cuts) {
      const share = new LearnedShare(1)
      share.cut(0, measured, timed)
      expect(share.value).toBeCloseTo(value, 6)
    }
  })

  it("believes a first measure far below; of a later one no more than half at once", () => {
    const share = new LearnedShare(1)
    share.cut(0, 0.3)
    expect(share.value).toBeCloseTo(0.2955)
    share.cut(1_000, 0.01)
    expect(share.value).toBeCloseTo(0.14775)
    const first = new LearnedShare(1)
    first.cut(0, 0.001)
    expect(first.value).toBeCloseTo(0.1)
  })

  it("searches by doubling until a refusal measures it; one that comes too soon to measure halves the start", () => {
    const share = new LearnedShare(1_000)
    share.search(0, 3)
    expect(at(share, 0, 6_000)).toBeCloseTo(12, 0)
    share.cut(6_000, undefined)
    expect([share.searching, share.value]).toEqual([true, expect.closeTo(6, 0)])
    at(share, 6_000, 9_000)
    share.cut(9_000, 8)
    expect([share.searching, share.value]).toEqual([false, expect.closeTo(8 * 0.985)])
    expect(at(share, 9_000, 18_000)).toBeCloseTo(8 * 0.985)
  })

  it("never goes below two hundredths", () => {
    const share = new LearnedShare(1)
    for (let i = 0; i < 50; i++) share.cut(i, 0.0001)
    expect(share.value).toBe(0.02)
  })

  it("holds ten seconds, then grows one percent a second and faster, back to all within a minute", () => {
    const share = new LearnedShare(1)
    share.cut(0, 0.5)
    const low = share.value
    expect(at(share, 0, 10_000)).toBe(low)
    expect(at(share, 10_000, 15_000) / low).toBeCloseTo(Math.exp(0.075), 1)
    const fiveMore = share.value
    const ten = at(share, 15_000, 20_000)
    expect(ten / fiveMore).toBeGreaterThan(fiveMore / low)
    expect(at(share, 20_000, 45_000)).toBe(1)
    expect(share.grow(1_000_000)).toBe(false)
  })

  it("holds twice as long after each further cut, up to five doublings", () => {
    const share = new LearnedShare(1)
    const holds: number[] = []
    let nowMs = 0
    for (let cut = 0; cut < 8; cut++) {
      share.cut(nowMs, undefined, true)
      const low = share.value
      const cutMs = nowMs
      while (share.value === low) share.grow((nowMs += 50))
      holds.push(Math.floor((nowMs - cutMs) / 10_000) * 10)
    }
    expect(holds).toEqual([10, 20, 40, 80, 160, 320, 320, 320])
  })

  it("probes eagerly again once it has grown far beyond the last cut: the quota changed", () => {
    const share = new LearnedShare(10)
    for (let i = 0; i < 4; i++) share.cut(0, undefined)
    at(share, 0, 200_000)
    share.cut(200_000, undefined)
    const low = share.value
    expect(at(share, 200_000, 210_000)).toBe(low)
    expect(at(share, 210_000, 213_000)).toBeGreaterThan(low)
  })

  it("tries for more than a guess without having been cut, up to its ceiling", () => {
    const guess = new LearnedShare(3, 5_000, growthDefaults)
    expect(at(guess, 5_000, 15_000)).toBe(1)
    expect(at(guess, 15_000, 20_000)).toBeGreaterThan(1)
    expect(at(guess, 20_000, 120_000)).toBe(3)
  })

  it("grows twice in a minute at least where the vendor limits growth, and never waits longer than a second", () => {
    const share = new LearnedShare(1_000, Infinity, rampGrowth)
    for (let i = 0; i < 5; i++) share.cut(0, 0.5)
    const low = share.value
    expect(at(share, 0, 3_000)).toBeGreaterThan(low)
    expect(at(share, 3_000, 61_000) / low).toBeGreaterThan(2)
  })

  it("is eased by a seventh where the pace was hardly too fast, and goes on from there", () => {
    const share = new LearnedShare(1_000, Infinity, rampGrowth)
    share.ease(0)
    expect([share.value, at(share, 0, 1_000)]).toEqual([0.85, 0.85])
    expect(at(share, 1_000, 20_000)).toBeGreaterThan(1)
  })

  it("is all of the limit again after a reset", () => {
    const share = new LearnedShare(1)
    share.cut(0, 0.2)
    share.reset()
    expect([share.value, share.grow(1_000_000)]).toEqual([1, false])
  })
})
