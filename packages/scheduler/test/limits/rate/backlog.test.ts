import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Backlog } from "../../../src/limits/rate/backlog.ts"

describe("a backlog", () => {
  it("drains at the rate, and not below nothing", () => {
    const backlog = new Backlog(0)
    backlog.put(5)
    expect([backlog.at(2_000, 0.001), backlog.at(9_000, 0.001)]).toEqual([3, 0])
  })

  it("says how long until no more than so much is left", () => {
    const backlog = new Backlog(0)
    backlog.put(5)
    expect([backlog.msUntil(1_000, 2, 0.001), backlog.msUntil(4_000, 2, 0.001)]).toEqual([2_000, 0])
  })

  it("never asks for a wait so short that no clock moves on", () => {
    const backlog = new Backlog(657_483.76)
    backlog.put(1)
    expect(657_483.76 + backlog.msUntil(657_483.76, 0.5, 1e6)).toBeGreaterThan(657_483.76)
    expect(backlog.msUntil(657_483.76, 0.999_99, 1e9)).toBe(0.001)
  })

  it("remembers how long it has been empty, as far as that is asked for", () => {
    const backlog = new Backlog(0)
    backlog.put(1)
    expect(backlog.at(1_500, 0.001, 0.2)).toBe(-0.2)
    expect(backlog.drain(1_500, 0.001, 0.2)).toBe(0.5)
  })

  it("its copy holds the same, and is another", () => {
    const backlog = new Backlog(1_000)
    backlog.put(5)
    const copy = backlog.copy()
    backlog.set(1_000, 1)
    expect([backlog.at(2_000, 0.001), copy.at(2_000, 0.001)]).toEqual([0, 4])
  })

  it("a clock that steps back drains nothing", () => {
    const backlog = new Backlog(1_000)
    backlog.put(2)
    expect(backlog.at(0, 0.001)).toBe(2)
  })

  it("kept at or under a depth, lets through at most depth + rate × t over any span", () => {
    const [depth, perMs] = [5, 0.002]
    const gaps = fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(gaps, (waits) => {
        const backlog = new Backlog(0)
        const taken: number[] = []
        let nowMs = 0
        for (const wait of waits) {
          nowMs += wait
          if (backlog.at(nowMs, perMs) + 1 > depth) continue
          backlog.drain(nowMs, perMs, 0)
          backlog.put(1)
          taken.push(nowMs)
        }
        for (let i = 0; i < taken.length; i++) {
          for (let j = i; j < taken.length; j++)
            expect(j - i + 1).toBeLessThanOrEqual(depth + perMs * (taken[j]! - taken[i]!) + 1e-9)
        }
      }),
    )
  })
})
