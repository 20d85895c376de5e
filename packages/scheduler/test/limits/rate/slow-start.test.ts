import { describe, expect, it } from "vitest"
import { CoTenantShare } from "../../../src/limits/rate/co-tenants.ts"
import { SlowStart } from "../../../src/limits/rate/slow-start.ts"

describe("slow start", () => {
  /** 600 a minute. */
  const [perMs, limit] = [0.01, 600]

  it("lets a first burst leave, and what it doubles to every step", () => {
    const start = new SlowStart()
    expect(start.msUntil(0, 1, perMs, limit)).toBe(0)
    start.took(0, 1, 1)
    expect([10, 20, 40, 80].map((backlog) => start.msUntil(0, backlog, perMs, limit))).toEqual([0, 250, 500, 750])
  })

  it("never more than a second's worth at first, but two", () => {
    const start = new SlowStart()
    start.took(0, 1, 1)
    expect([2, 4].map((backlog) => start.msUntil(0, backlog, 0.001, 60))).toEqual([0, 250])
  })

  it("goes on slower beyond a fifth of the limit", () => {
    const start = new SlowStart()
    start.took(0, 1, 1)
    const [fifth, double] = [120, 240].map((backlog) => start.msUntil(0, backlog, perMs, limit))
    expect(double! - fifth!).toBe(1_000)
  })

  it("begins from what has passed", () => {
    const start = new SlowStart()
    start.took(0, 1, 1)
    start.took(100, 80, 1)
    start.took(500, 60, 1)
    expect(start.passed).toBe(80)
    start.took(90_000, 1, 1)
    expect(start.msUntil(90_000, 80, perMs, limit)).toBe(0)
  })
})

describe("co-tenants", () => {
  it("are what is missing, at most what the vendor grants, and forgotten when nothing is", () => {
    const others = new CoTenantShare()
    for (let i = 0; i < 60; i++) others.notice(1_000, 5, 0.01)
    expect(others.perMs).toBeGreaterThan(0.0045)
    for (let i = 0; i < 200; i++) others.notice(1_000, 500, 0.01)
    expect(others.perMs).toBeLessThanOrEqual(0.008)
    for (let i = 0; i < 120; i++) others.notice(1_000, 0, 0.01)
    expect(others.perMs).toBeLessThan(0.0005)
  })

  it("are given room for their bursts while an answer is out", () => {
    const [even, bursty] = [new CoTenantShare(), new CoTenantShare()]
    for (let i = 0; i < 60; i++) {
      even.notice(1_000, 2, 0.01)
      bursty.notice(1_000, i % 10 === 0 ? 20 : 0, 0.01)
    }
    expect(bursty.headroom(0.01)).toBeGreaterThan(even.headroom(0.01))
  })
})
