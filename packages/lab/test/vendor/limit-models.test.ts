import { describe, expect, it } from "vitest"
import fc from "fast-check"
import { createLimitModel, type LimitKind, type LimitOptions } from "../../src/index.ts"

/** Rows: at this time, this cost, does it fit. */
type Row = readonly [atMs: number, cost: number, ok: boolean]

const tables: Record<string, { options: LimitOptions; rows: Row[] }> = {
  "bucket: a full minute stands ready, then one a second": {
    options: { limit: 60, model: "bucket" },
    rows: [
      [0, 60, true],
      [0, 1, false],
      [999, 1, false],
      [1000, 1, true],
      [1000, 1, false],
      [61_000, 60, true],
      [61_000, 1, false],
    ],
  },
  "bucket: burst 2": {
    options: { limit: 60, model: "bucket", burst: 2 },
    rows: [
      [0, 3, false],
      [0, 1, true],
      [0, 1, true],
      [500, 1, false],
      [1000, 1, true],
      [60_000, 2, true],
      [60_000, 1, false],
    ],
  },
  "slices: 60 a minute is 1 a second": {
    options: { limit: 60, model: "slices" },
    rows: [
      [0, 1, true],
      [10, 1, false],
      [990, 1, false],
      [1000, 1, true],
      [1001, 1, false],
      [10_500, 1, true],
      [10_600, 1, false],
      [11_000, 1, true],
    ],
  },
  "slices: a share below one is saved up": {
    options: { limit: 30, model: "slices" },
    rows: [
      [0, 1, true],
      [1000, 1, false],
      [2000, 1, true],
      [3000, 1, false],
      [4000, 1, true],
    ],
  },
  "slices of ten seconds: 60 a minute is 10 in each": {
    options: { limit: 60, model: "slices", sliceMs: 10_000 },
    rows: [
      [5000, 10, true],
      [5001, 1, false],
      [9999, 1, false],
      [10_000, 10, true],
      [19_999, 1, false],
      [20_000, 10, true],
    ],
  },
  "slices: an amount beyond one second's share is repaid by the next": {
    options: { limit: 60_000, model: "slices" },
    rows: [
      [0, 3000, true],
      [1000, 500, false],
      [2000, 500, false],
      [3000, 900, true],
      [3000, 500, false],
      [4000, 60_001, false],
    ],
  },
  "sliding: an entry leaves when it is a minute old": {
    options: { limit: 3, model: "sliding" },
    rows: [
      [0, 2, true],
      [30_000, 1, true],
      [30_000, 1, false],
      [59_999, 1, false],
      [60_000, 2, true],
      [89_999, 1, false],
      [90_000, 1, true],
      [90_000, 4, false],
    ],
  },
  "fixed: a fresh limit at each full minute after the anchor": {
    options: { limit: 3, model: "fixed", anchorMs: 10_000 },
    rows: [
      [0, 3, true],
      [9999, 1, false],
      [10_000, 3, true],
      [69_999, 1, false],
      [70_000, 3, true],
      [70_000, 1, false],
      [250_001, 4, false],
    ],
  },
  "fixed: per day": {
    options: { limit: 2, windowMs: 86_400_000, model: "fixed" },
    rows: [
      [5, 2, true],
      [86_399_999, 1, false],
      [86_400_000, 1, true],
    ],
  },
}

describe.each(Object.entries(tables))("%s", (_name, { options, rows }) => {
  it("admits as the table says", () => {
    const model = createLimitModel(options)
    for (const [atMs, cost, ok] of rows) expect([atMs, cost, model.tryTake(atMs, cost)]).toEqual([atMs, cost, ok])
  })
})

describe("limit models", () => {
  it("say what remains, when it fits and when all is back", () => {
    const bucket = createLimitModel({ limit: 60 })
    bucket.tryTake(0, 60)
    expect([bucket.remaining(500), bucket.msUntil(500, 1), bucket.msUntilFull(500), bucket.msUntil(0, 61)]).toEqual([
      0.5,
      500,
      59_500,
      Infinity,
    ])
    const sliding = createLimitModel({ limit: 10, model: "sliding" })
    for (const atMs of [0, 1000, 2000]) sliding.tryTake(atMs, 3)
    expect([
      sliding.remaining(3000),
      sliding.msUntil(3000, 1),
      sliding.msUntil(3000, 4),
      sliding.msUntil(3000, 8),
      sliding.msUntilFull(3000),
    ]).toEqual([1, 0, 57_000, 59_000 - 0, 59_000])
    const fixed = createLimitModel({ limit: 10, model: "fixed" })
    fixed.tryTake(61_000, 9)
    expect([
      fixed.remaining(62_000),
      fixed.msUntil(62_000, 2),
      fixed.msUntilFull(62_000),
      fixed.msUntilFull(120_000),
    ]).toEqual([1, 58_000, 58_000, 0])
    // The header of a vendor with slices speaks of the minute: it shows room while the second is used up.
    const slices = createLimitModel({ limit: 600, model: "slices" })
    for (let call = 0; call < 10; call++) slices.tryTake(200, 1)
    expect([slices.tryTake(200, 1), slices.remaining(200), slices.msUntil(200, 1), slices.msUntilFull(200)]).toEqual([
      false,
      590,
      800,
      1000,
    ])
  })

  it("go into debt by what was taken regardless, and repay it", () => {
    const bucket = createLimitModel({ limit: 60 })
    bucket.take(0, 90)
    expect([bucket.remaining(0), bucket.msUntil(0, 1)]).toEqual([-30, 31_000])
    const sliding = createLimitModel({ limit: 60, model: "sliding" })
    sliding.take(0, 90)
    expect([sliding.msUntil(0, 1), sliding.tryTake(60_000, 1)]).toEqual([60_000, true])
  })

  it("are retuned: a cut takes away what stands ready, a raise fills up at the new rate", () => {
    const bucket = createLimitModel({ limit: 60 })
    bucket.retune(0, 30)
    expect([bucket.remaining(0), bucket.tryTake(0, 30), bucket.msUntil(0, 1)]).toEqual([30, true, 2000])
    bucket.retune(0, 120)
    expect([bucket.remaining(0), bucket.msUntil(0, 1)]).toEqual([0, 500])
    const slices = createLimitModel({ limit: 600, model: "slices" })
    slices.retune(0, 60)
    expect([slices.tryTake(0, 1), slices.tryTake(0, 1), slices.msUntil(0, 1)]).toEqual([true, false, 1000])
  })

  it("let evenly spaced calls through at the exact rate, from any phase", () => {
    for (const phaseMs of [0, 1, 400, 999.5]) {
      for (const limit of [7, 60, 500, 1000]) {
        const slices = createLimitModel({ limit, model: "slices" }, phaseMs)
        for (let call = 0; call < 2 * limit; call++) {
          const atMs = phaseMs + (call * 60_000) / limit
          expect([limit, phaseMs, call, slices.tryTake(atMs, 1)]).toEqual([limit, phaseMs, call, true])
        }
      }
    }
  })

  const kinds: LimitKind[] = ["bucket", "slices", "sliding", "fixed"]
  it.each(kinds)("%s: fits exactly when msUntil says, not before, and never beyond what its kind allows", (model) => {
    const step = fc.record({
      gapMs: fc.double({ min: 0, max: 20_000, noNaN: true }),
      cost: fc.integer({ min: 1, max: 50 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 50, max: 600 }), (steps, limit) => {
        const limiter = createLimitModel({ limit, model })
        const taken: { atMs: number; cost: number }[] = []
        let nowMs = 0
        for (const { gapMs, cost } of steps) {
          nowMs += gapMs
          const waitMs = limiter.msUntil(nowMs, cost)
          if (waitMs > 0.01) expect(limiter.tryTake(nowMs + waitMs - 0.01, cost)).toBe(false)
          nowMs += waitMs
          expect(limiter.tryTake(nowMs, cost)).toBe(true)
          taken.push({ atMs: nowMs, cost })
        }
        // Windows: [t, t + 60 s) from each start. What a bucket allows is the burst and the refill.
        const allowed = { bucket: 2 * limit, slices: limit + limit / 60 + 51, sliding: limit, fixed: 2 * limit }[model]
        for (const { atMs } of taken) {
          const inWindow = taken.filter((entry) => entry.atMs >= atMs && entry.atMs < atMs + 60_000 - 0.001)
          expect(inWindow.reduce((sum, entry) => sum + entry.cost, 0)).toBeLessThanOrEqual(allowed)
        }
      }),
      { numRuns: 100 },
    )
  })

  it("refuse nonsense by name", () => {
    expect(() => createLimitModel({ limit: 0 })).toThrow("limit must be a number above 0 (got 0)")
    expect(() => createLimitModel({ limit: 1, model: "leaky" as never })).toThrow(/got "leaky"/)
  })
})
