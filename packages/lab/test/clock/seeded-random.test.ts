import { describe, expect, it } from "vitest"
import { exponential, lognormal, luckOf, seededRandom } from "../../src/index.ts"

const many = <T>(count: number, draw: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => draw(index))
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe("seeded randomness", () => {
  it("repeats by seed and differs between seeds", () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed)
      return many(5, () => random.next())
    }
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })

  it("is uniform in [0, 1)", () => {
    const random = seededRandom(1)
    const tenths = new Array<number>(10).fill(0)
    for (const value of many(100_000, () => random.next())) tenths[Math.floor(value * 10)]!++
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  })

  it("draws exponential and lognormal values of the asked mean and median", () => {
    const random = seededRandom(2)
    expect(mean(many(50_000, () => exponential(random, 20)))).toBeCloseTo(20, 0)
    const sorted = many(50_000, () => lognormal(random, 300, 1)).sort((a, b) => a - b)
    expect(sorted[25_000]! / 300).toBeCloseTo(1, 1)
    expect(sorted[48_750]! / sorted[1_250]!).toBeGreaterThan(40)
  })

  it("gives each call its own luck whatever the order", () => {
    expect(luckOf(1, "call-3", 1)).toBe(luckOf(1, "call-3", 1))
    expect(luckOf(1, "call-3", 1)).not.toBe(luckOf(1, "call-3", 2))
    expect(luckOf(1, "a", "bc")).not.toBe(luckOf(1, "ab", "c"))
    expect(mean(many(20_000, (index) => luckOf(1, `call-${index}`)))).toBeCloseTo(0.5, 1)
  })
})
