import { describe, expect, it } from "vitest"
import { TokenBucket } from "../../src/limits/token-bucket.ts"

interface Row {
  readonly time: number
  readonly cost: number
  readonly ok: boolean
}

/** Takes what fits; answers the rows as they went. */
function play(bucket: TokenBucket, rows: readonly Row[]): Row[] {
  return rows.map(({ time, cost }) => {
    const ok = bucket.msUntil(time, cost) === 0
    if (ok) bucket.take(time, cost)
    return { time, cost, ok }
  })
}

describe("a token bucket", () => {
  const tables: Record<string, { readonly burst: number; readonly rows: readonly Row[] }> = {
    "a burst, then one a second": {
      burst: 2,
      rows: [
        { time: 0, cost: 1, ok: true },
        { time: 0, cost: 1, ok: true },
        { time: 0, cost: 1, ok: false },
        { time: 999, cost: 1, ok: false },
        { time: 1_000, cost: 1, ok: true },
        { time: 1_999, cost: 1, ok: false },
        { time: 2_000, cost: 1, ok: true },
      ],
    },
    "never fuller than its burst, however long nobody asks": {
      burst: 3,
      rows: [
        { time: 3_600_000, cost: 3, ok: true },
        { time: 3_600_000, cost: 0.5, ok: false },
        { time: 3_600_500, cost: 0.5, ok: true },
      ],
    },
    "costs of any size": {
      burst: 10,
      rows: [
        { time: 0, cost: 7.5, ok: true },
        { time: 0, cost: 2.5, ok: true },
        { time: 0, cost: 0, ok: true },
        { time: 4_999, cost: 5, ok: false },
        { time: 5_000, cost: 5, ok: true },
      ],
    },
    "more than the burst passes a full bucket, and is repaid": {
      burst: 4,
      rows: [
        { time: 0, cost: 10, ok: true },
        { time: 6_500, cost: 1, ok: false },
        { time: 7_000, cost: 1, ok: true },
        { time: 10_999, cost: 10, ok: false },
        { time: 11_000, cost: 10, ok: true },
      ],
    },
    "a clock that steps back adds nothing and takes nothing": {
      burst: 2,
      rows: [
        { time: 10_000, cost: 2, ok: true },
        { time: 5_000, cost: 1, ok: false },
        { time: 10_999, cost: 1, ok: false },
        { time: 11_000, cost: 1, ok: true },
        { time: 0, cost: 1, ok: false },
        { time: 12_000, cost: 1, ok: true },
      ],
    },
  }
  for (const [name, { burst, rows }] of Object.entries(tables)) {
    it(name, () => {
      expect(play(new TokenBucket({ limit: 60, windowMs: 60_000, burst }), rows)).toEqual(rows)
    })
  }

  it("says exactly how long", () => {
    const bucket = new TokenBucket({ limit: 60, windowMs: 60_000, burst: 2 })
    bucket.take(0, 2)
    expect(bucket.msUntil(0, 1)).toBe(1_000)
    expect(bucket.msUntil(250, 1)).toBe(750)
    expect(bucket.msUntil(250, 2)).toBe(1_750)
    expect(bucket.msUntil(250, 50)).toBe(1_750)
  })

  it("goes into debt when more was used, and comes out by refilling", () => {
    const bucket = new TokenBucket({ limit: 60, windowMs: 60_000, burst: 5 })
    bucket.take(0, 5)
    bucket.give(0, -20)
    expect(bucket.level(0)).toBe(-20)
    expect(bucket.msUntil(0, 1)).toBe(21_000)
    expect(bucket.level(20_000)).toBe(0)
  })

  it("takes a refund up to its burst", () => {
    const bucket = new TokenBucket({ limit: 60, windowMs: 60_000, burst: 5 })
    bucket.take(0, 3)
    bucket.give(0, 2)
    expect(bucket.level(0)).toBe(4)
    bucket.give(0, 100)
    expect(bucket.level(0)).toBe(5)
  })

  it("is told its level, and holds no more than fits", () => {
    const bucket = new TokenBucket({ limit: 60, windowMs: 60_000, burst: 5 })
    bucket.setLevel(0, -3)
    expect(bucket.msUntil(0, 1)).toBe(4_000)
    bucket.setLevel(0, 50)
    expect(bucket.level(0)).toBe(5)
  })

  it("is retuned from now on: what was earned before was earned at the old rate", () => {
    const bucket = new TokenBucket({ limit: 60, windowMs: 60_000, burst: 10 })
    bucket.take(0, 10)
    bucket.retune(2_000, 0.01, 4)
    expect(bucket.level(2_000)).toBe(2)
    expect(bucket.msUntil(2_000, 3)).toBeCloseTo(100)
    bucket.retune(3_000, 0.01, 3)
    expect(bucket.level(3_000)).toBe(3)
    expect([bucket.burst, bucket.ratePerMs]).toEqual([3, 0.01])
  })
})
