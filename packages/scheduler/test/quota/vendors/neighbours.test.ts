import { simulate } from "@sluice/lab"
import { describe, expect, test } from "vitest"
import { CoTenantShare } from "../../../src/limits/rate/co-tenants.ts"

const batch = { arrivals: { kind: "bursts", size: 1_200, everyMs: 1_000 }, inputTokens: 10, outputTokens: 20 } as const

describe("a neighbour with half of a rightly told rate", () => {
  test.each([10, 100])(
    "who takes less than a call from one answer to the next is found (a bucket of %i)",
    async (burst) => {
      const { lost, refused, ratio } = await simulate(
        { name: "batch", streams: [{ calls: 1_200, ...batch }] },
        {
          limits: { requests: { limit: 600, burst } },
          coTenants: [{ requestsPerMinute: 300 }],
          latency: { baseMs: 100, perOutputTokenMs: 0 },
        },
        { told: { requestsPerMinute: { limit: 600, kind: "bucket", burst } }, networkMs: 1, networkJitterMs: 5 },
      )
      expect(lost).toBe(0)
      // 384 and more when only what was missing between two answers counted.
      expect(refused).toBeLessThanOrEqual(150)
      expect(ratio).toBeLessThanOrEqual(1.03)
    },
  )
})

describe("what is missing from a bucket of 10 calls a second", () => {
  const answer = (sentMs: number, remaining: number, taken: number, since = 0) => ({
    sentMs,
    remaining,
    taken,
    since,
    level: remaining,
    reordered: 0,
    flowed: 0,
    sureFlow: 0,
    uncharged: 0,
    tolerance: 1,
    raisesAbove: 0,
    mayRaise: true,
  })

  test("is what others take, though no two answers differ by a call", () => {
    const others = new CoTenantShare()
    // We take 5 a second, 10 flow in, and what remains stays the same.
    for (let at = 0; at <= 300; at++) others.hear(answer(at * 200, 3, at), 0.01, false)
    expect(others.perMs * 1_000).toBeCloseTo(5, 0)
  })

  test("is nobody's where as much may have overtaken or ran over; what was refused and not charged is missing", () => {
    const overtaken = new CoTenantShare()
    for (let at = 0; at <= 300; at++) overtaken.hear(answer(at * 200, 3, at, 30), 0.01, false)
    const ranOver = new CoTenantShare()
    for (let at = 0; at <= 300; at++) ranOver.hear(answer(at * 200, 3, at), 0.01, true)
    expect([overtaken.perMs, ranOver.perMs]).toEqual([0, 0])
    const refused = new CoTenantShare()
    // 10 a second are taken, and half of them refused and not charged.
    for (let at = 0; at <= 300; at++) {
      refused.refused += 1
      refused.hear(answer(at * 200, 3, at * 2), 0.01, false)
    }
    expect(refused.perMs * 1_000).toBeCloseTo(5, 0)
  })
})
