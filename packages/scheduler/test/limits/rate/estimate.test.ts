import { describe, expect, it } from "vitest"
import { Estimate } from "../../../src/limits/rate/estimate.ts"
import * as tuned from "../../../src/limits/tuned.ts"

describe("an estimate", () => {
  it("is unbounded until something was refused", () => {
    const rate = new Estimate()
    expect([rate.at(0), rate.isBounded]).toEqual([Infinity, false])
  })

  it("stands for a while, then grows ever faster, to 8 times at most", () => {
    const rate = new Estimate()
    rate.refused(0, 100)
    expect(rate.at(10_000)).toBe(100)
    const [after5, after10, after20] = [15_000, 20_000, 30_000].map((ms) => rate.at(ms))
    expect([after5!, after10!, after20!].map((value) => Math.round(value))).toEqual([108, 122, 182])
    expect(rate.at(3_600_000)).toBe(800)
  })

  it("is tried again twice as late each time that it was confirmed, however far it had grown", () => {
    const rate = new Estimate()
    rate.refused(0, 100)
    rate.refused(40_000, 98)
    expect([rate.at(60_000), rate.at(61_000) > 98]).toEqual([98, true])
    rate.refused(70_000, 99)
    expect(rate.at(110_000)).toBe(99)
  })

  it("is tried again eagerly where the vendor has changed", () => {
    const rate = new Estimate()
    for (const nowMs of [0, 20_000, 40_000]) rate.refused(nowMs, 100)
    rate.refused(200_000, 30)
    expect(rate.at(211_000)).toBeGreaterThan(30)
  })

  it("is never cut below what passed, nor by more than one event can show", () => {
    const rate = new Estimate()
    rate.refused(0, 100)
    rate.refused(1_000, 1)
    expect(rate.at(1_000)).toBe(100 * tuned.leastCut)
    rate.low = 15
    rate.refused(2_000, 4)
    expect(rate.at(2_000)).toBe(15)
  })

  it("searches from between the sure and the possible, and ends with the next refusal", () => {
    const rate = new Estimate()
    rate.search(0, 1, 100)
    expect([rate.at(0), rate.at(3_000), rate.at(15_000)]).toEqual([10, 20, 100])
    rate.refused(3_000, 15)
    expect(rate.at(6_000)).toBe(15)
  })

  it("that was not refused on its way to the possible goes on beyond it as any bound does", () => {
    const rate = new Estimate()
    rate.search(0, 25, 100)
    expect([rate.at(3_000), rate.at(13_000), rate.at(23_000)].map(Math.round)).toEqual([100, 100, 122])
  })

  it("grows to 8 times what passed, where that was more than the bound", () => {
    const rate = new Estimate()
    rate.refused(0, 100)
    rate.low = 600
    expect(rate.at(3_600_000)).toBe(4_800)
  })

  it("searches as fast as it is asked to, and not before a pause is over", () => {
    const rate = new Estimate()
    rate.search(0, 1, 100, 200)
    rate.pause(100)
    expect([rate.at(0), rate.at(300)]).toEqual([10, 20])
  })

  it("of a slow limit is tried again as slowly", () => {
    const rate = new Estimate()
    rate.refused(0, 1, 10_000)
    expect([rate.at(100_000), rate.at(101_000) > 1]).toEqual([1, true])
  })
})
