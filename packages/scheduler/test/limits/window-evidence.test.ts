import { describe, expect, it } from "vitest"
import { WindowEvidence } from "../../src/limits/window-evidence.ts"

const evidence = (): WindowEvidence => new WindowEvidence({ limit: 600, windowMs: 60_000 })
const reading = (remaining: number, resetMs: number) => ({
  dimension: "requests" as const,
  limit: 600,
  remaining,
  resetMs,
})

describe("a vendor that counts windows is told from one whose bucket refills", () => {
  it("by three readings in a row that reset long after a bucket would be full", () => {
    const seen = evidence()
    expect([590, 589, 588].map((remaining) => seen.byReset(reading(remaining, 58_000), remaining))).toEqual([
      false,
      false,
      true,
    ])
  })

  it("but not by one of another kind between them, a day's reset, another limit, or what we took ourselves", () => {
    const seen = evidence()
    for (const resetMs of [58_000, 58_000, 1_000, 58_000, 58_000]) {
      expect(seen.byReset(reading(590, resetMs), 590)).toBe(false)
    }
    const others = evidence()
    for (let i = 0; i < 5; i++) {
      expect(others.byReset(reading(590, 3_600_000), 590), "a day").toBe(false)
      expect(others.byReset({ ...reading(590, 58_000), limit: 900 }, 590), "another limit").toBe(false)
      expect(others.byReset(reading(600, 40_000), 100), "a remaining that never falls").toBe(false)
      expect(others.byReset({ dimension: "requests", limit: 600, remaining: 590 }, 590), "no reset").toBe(false)
    }
  })

  it("by a wait that no bucket would name, once half of the limit was used", () => {
    expect(evidence().byWait(1, 50_000, 400)).toBe(true)
    expect(evidence().byWait(1, 50_000, 100), "who refuses charges for it").toBe(false)
    expect(evidence().byWait(1, 10_000, 400), "a bucket in debt").toBe(false)
    expect(evidence().byWait(200, 60_000, 400), "much has to flow in").toBe(false)
    expect(evidence().byWait(1, 3_600_000, 400), "an hour").toBe(false)
  })

  it("by a first refusal at just the limit, where a bucket would have refilled", () => {
    expect(evidence().byCount({ admitted: 600, elapsedMs: 6_000, first: true })).toBe(true)
    expect(evidence().byCount({ admitted: 660, elapsedMs: 6_000, first: true }), "it refilled").toBe(false)
    expect(evidence().byCount({ admitted: 600, elapsedMs: 500, first: true }), "too soon to tell").toBe(false)
    expect(evidence().byCount({ admitted: 600, elapsedMs: 6_000, first: false }), "it was not full").toBe(false)
    expect(evidence().byCount({ admitted: 200, elapsedMs: 6_000, first: true }), "another limit").toBe(false)
  })
})
