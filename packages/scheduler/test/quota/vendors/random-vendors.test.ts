import { awakeQuota, limiterContestant, randomScenario, runScenario } from "@sluice/lab"
import { describe, expect, it } from "vitest"

const ours = limiterContestant(({ told, clock, random }) => awakeQuota({ ...told, clock, random }))
const vendors = process.env["SLUICE_LONG"] ? 2_000 : 150

const at = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)]!

// `bench/random-vendors.ts` prints the figures. A regression shows here first, and names the seed.
describe("vendors drawn at random", () => {
  it(`${vendors} of them: every call is answered once, and nearly always nearly as fast as can be`, async () => {
    const ratios: number[] = []
    const refused: number[] = []
    for (let seed = 1; seed <= vendors; seed++) {
      const { scenario, network } = randomScenario(seed)
      const result = await runScenario(scenario, ours, { seed, ...network })
      if (!Number.isFinite(result.oracleMs)) continue
      expect([result.lost, result.repeated, result.error], `seed ${seed}`).toEqual([0, 0, undefined])
      expect(result.ratio, `seed ${seed}`).toBeLessThan(8)
      ratios.push(result.ratio)
      refused.push(result.refusedRatio)
    }
    expect([at(ratios, 0.5), at(ratios, 0.9)].map((value) => Math.round(value * 100) / 100)).toEqual([
      expect.toSatisfy((median: number) => median <= 1.03),
      expect.toSatisfy((most: number) => most <= 1.5),
    ])
    expect(at(refused, 0.5)).toBeLessThanOrEqual(0.01)
    expect(at(refused, 0.9)).toBeLessThanOrEqual(0.08)
  }, 120_000)

  it("same seed, same scenario", () => {
    expect(randomScenario(7)).toEqual(randomScenario(7))
    expect(randomScenario(7)).not.toEqual(randomScenario(8))
  })
})
