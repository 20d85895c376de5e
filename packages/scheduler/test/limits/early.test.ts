import { describe, expect, it } from "vitest"
import { Early } from "../../src/limits/early.ts"

describe("how early calls arrive", () => {
  it("is nothing until a refusal says so, adds up, and is never more than the network's worst", () => {
    const early = new Early()
    expect(early.at(1e9)).toBe(0)
    early.refused(0, 100, 100)
    early.refused(50, 100, 100)
    expect(early.at(50)).toBe(200)
    early.refused(60, 100, 100)
    expect(early.at(60)).toBe(250)
  })

  it("stands for half a minute, then goes back to nothing within as many more", () => {
    const early = new Early()
    early.refused(1_000, 80, 100)
    expect([1_000, 31_000, 46_000, 61_000, 99_000].map((atMs) => early.at(atMs))).toEqual([80, 80, 40, 0, 0])
  })

  it("stands as long as thirty calls take, where they are slow", () => {
    const early = new Early()
    early.refused(0, 80, 10_000)
    expect([300_000, 450_000, 600_000].map((atMs) => early.at(atMs))).toEqual([80, 40, 0])
  })

  it("stands twice as long each time that it is confirmed, 32 times at most", () => {
    const early = new Early()
    let atMs = 0
    early.refused(atMs, 25, 100)
    const stood: number[] = []
    for (let n = 0; n < 7; n++) {
      let ms = 0
      while (early.at(atMs + ms) > 0) ms += 1_000
      stood.push(ms - 30_000)
      early.refused((atMs += ms), 25, 100)
    }
    expect(stood).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 960_000])
  })
})
