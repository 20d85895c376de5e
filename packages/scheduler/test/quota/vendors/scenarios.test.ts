import {
  awakeQuota,
  limiterContestant,
  runScenario,
  scenarioNamed,
  type Contestant,
  type Scenario,
  type VendorLimits,
} from "@sluice/lab"
import { describe, expect, it } from "vitest"

/** What each scenario may take of the oracle's time, and refuse of its answers. The told ones are in `quota-conformance`. */
const bounds: readonly (readonly [name: string, ratio: number, refusedRatio: number])[] = [
  ["max-tokens-bind", 1.03, 0],
  ["unknown-headers", 1.05, 0.001],
  ["unknown-silent", 1.1, 0.01],
  ["told-threefold-headers", 1.05, 0.001],
  ["told-threefold-silent", 1.1, 0.01],
  ["quota-cut", 1.05, 0.005],
  ["co-tenant-30", 1.1, 0.005],
  ["co-tenant-60", 1.1, 0.005],
  ["faults", 1.1, 0.005],
  ["outage", 1.03, 0.005],
  ["outage-torn", 1.03, 0.005],
  ["slots", 1.08, 0.005],
  ["knee", 1.1, 0],
  ["ramp", 1.05, 0.006],
]

const ours = limiterContestant(({ told, clock, random }) => awakeQuota({ ...told, clock, random }))

/** Input a tenth too high, output as it is on average. */
const guessing = limiterContestant(({ told, clock, random }) => awakeQuota({ ...told, clock, random }), {
  estimate: ({ inputTokens }) => ({ inputTokens: Math.round(inputTokens * 1.1), outputTokens: 180 }),
})

function shallow(name: string): Scenario {
  const scenario = scenarioNamed(name)
  const limits = Object.entries(scenario.vendor.limits ?? {}).map(([dimension, limit]) => [
    dimension,
    { limit: Number(limit), burst: Number(limit) / 5 },
  ])
  return { ...scenario, vendor: { ...scenario.vendor, limits: Object.fromEntries(limits) as VendorLimits } }
}

/** Three seeds: each within its time, all together within their refusals. */
async function check(
  scenario: Scenario,
  contestant: Contestant,
  { ratio, refusedRatio, calls }: { readonly ratio: number; readonly refusedRatio: number; readonly calls?: number },
): Promise<void> {
  let refused = 0
  let answered = 0
  for (const seed of [1, 2, 3]) {
    const result = await runScenario(scenario, contestant, { seed, ...(calls !== undefined && { calls }) })
    expect([result.error, result.lost, result.repeated]).toEqual([undefined, 0, 0])
    expect(result.ratio).toBeLessThanOrEqual(ratio)
    refused += result.refused
    answered += result.answered
  }
  expect(refused / answered).toBeLessThanOrEqual(refusedRatio)
}

describe("against simulated vendors, every call is answered once", () => {
  for (const [name, ratio, refusedRatio] of bounds) {
    it(`${name}: within ${ratio} of the oracle's time, at most ${refusedRatio * 100} % refused`, async () => {
      await check(scenarioNamed(name), ours, { ratio, refusedRatio })
    }, 60_000)
  }

  for (const name of ["tokens-bind", "told-slices", "told-sliding", "told-fixed"]) {
    it(`${name}, told rightly: none of 10,000 calls is refused, within 1.03 of the oracle's time`, async () => {
      const { ratio, refused, lost } = await runScenario(scenarioNamed(name), ours, { calls: 10_000 })
      expect([refused, lost]).toEqual([0, 0])
      expect(ratio).toBeLessThanOrEqual(1.03)
    }, 60_000)
  }

  // The same vendors with a bucket of twelve seconds' worth instead of a minute's, and a client that estimates badly.
  const shallowBounds: typeof bounds = [
    ["unknown-headers", 1.05, 0.02],
    ["unknown-silent", 1.1, 0.015],
    ["told-threefold-headers", 1.05, 0.015],
    ["told-threefold-silent", 1.1, 0.02],
    ["co-tenant-30", 1.1, 0.03],
    ["co-tenant-60", 1.1, 0.03],
  ]
  for (const [name, ratio, refusedRatio] of shallowBounds) {
    it(`${name}, shallow: within ${ratio} of the oracle's time, at most ${refusedRatio * 100} % refused`, async () => {
      await check(shallow(name), guessing, { ratio, refusedRatio, calls: 1_200 })
    }, 60_000)
  }

  for (const [name, ratio, refusedRatio] of [
    ["tokens-bind", 1.03, 0.001],
    ["told-sliding", 1.03, 0],
    ["told-fixed", 1.12, 0],
  ] as const) {
    it(`${name}, estimated badly: within ${ratio}, at most ${refusedRatio * 100} % refused`, async () => {
      await check(scenarioNamed(name), guessing, { ratio, refusedRatio })
    }, 60_000)
  }

  for (const [growthPerMinute, freePerMinute] of [
    [1.5, 120],
    [3, 30],
  ] as const) {
    it(`ramp, ${growthPerMinute} × a minute from ${freePerMinute}: within 1.05, at most 1.5 % refused`, async () => {
      const ramp = scenarioNamed("ramp")
      const vendor = { ...ramp.vendor, ramp: { growthPerMinute, freePerMinute } }
      await check({ ...ramp, vendor }, ours, { ratio: 1.05, refusedRatio: 0.015, calls: 1_500 })
    }, 60_000)
  }

  for (const told of ["rightly", "nothing", "concurrency"] as const) {
    it(`15 % of all calls answered 503 at random, told ${told}: the pace falls no further than that, within 1.15`, async () => {
      const { vendor, ...faults } = scenarioNamed("faults")
      const scenario: Scenario = {
        ...faults,
        vendor: { ...vendor, faults: { rates: { error503: 0.15 } } },
        ...(told !== "rightly" && { told: told === "nothing" ? {} : { concurrency: 50 } }),
      }
      await check(scenario, ours, { ratio: 1.15, refusedRatio: 0, calls: 1_000 })
    }, 60_000)
  }

  for (const retryAfter of ["exact", "none"] as const) {
    it(`20 in ten seconds, told as sliding, over a network of ±125 ms, delays ${retryAfter}: 40 calls take one window`, async () => {
      const requests = { limit: 20, windowMs: 10_000 }
      const scenario: Scenario = {
        ...scenarioNamed("told-sliding"),
        vendor: { limits: { requests: { ...requests, model: "sliding" } }, latency: { baseMs: 50 }, retryAfter },
        told: { requestsPerMinute: { ...requests, kind: "sliding" } },
      }
      for (const seed of [1, 2, 3]) {
        const { ratio, lost } = await runScenario(scenario, ours, { seed, calls: 40, networkJitterMs: 250 })
        expect(lost).toBe(0)
        expect(ratio).toBeLessThanOrEqual(1.15)
      }
    })
  }

  it("billing: one call finds out, and the whole queue ends with one clear error", async () => {
    const { refused, error, answered } = await runScenario(scenarioNamed("billing"), ours)
    expect(refused).toBeLessThanOrEqual(1)
    expect(answered).toBeGreaterThan(0)
    expect(error).toMatchObject({ code: "quota-exhausted" })
  })

  it("same seed, same result", async () => {
    const runs = [1, 2].map(async () => await runScenario(scenarioNamed("co-tenant-30"), ours, { seed: 7, calls: 300 }))
    const [first, second] = await Promise.all(runs)
    expect(first).toEqual(second)
  })
})
