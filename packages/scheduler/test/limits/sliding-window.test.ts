import { createLimitModel } from "@sluice/lab"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SlidingWindow } from "../../src/limits/sliding-window.ts"

interface Row {
  readonly time: number
  readonly cost: number
  readonly ok: boolean
}

function play(window: SlidingWindow, rows: readonly Row[]): Row[] {
  return rows.map(({ time, cost }) => {
    const ok = window.msUntil(time, cost) === 0
    if (ok) window.take(time, cost)
    return { time, cost, ok }
  })
}

// Slots of 100 ms: what is taken at 0 counts until 60,100.
const minute = { limit: 10, windowMs: 60_000, marginMs: 0 }

describe("a sliding window", () => {
  const tables: Record<string, { readonly marginMs: number; readonly rows: readonly Row[] }> = {
    "what was taken counts for a window and the rest of its slot": {
      marginMs: 0,
      rows: [
        { time: 0, cost: 6, ok: true },
        { time: 30_000, cost: 4, ok: true },
        { time: 30_000, cost: 1, ok: false },
        { time: 60_099, cost: 1, ok: false },
        { time: 60_100, cost: 6, ok: true },
        { time: 60_100, cost: 1, ok: false },
        { time: 90_100, cost: 4, ok: true },
      ],
    },
    "a margin for calls that arrive later than they left": {
      marginMs: 600,
      rows: [
        { time: 0, cost: 10, ok: true },
        { time: 60_600, cost: 1, ok: false },
        { time: 60_701, cost: 10, ok: true },
      ],
    },
    "a clock that steps back frees nothing": {
      marginMs: 0,
      rows: [
        { time: 100_000, cost: 10, ok: true },
        { time: 10_000, cost: 1, ok: false },
        { time: 160_099, cost: 1, ok: false },
        { time: 160_100, cost: 10, ok: true },
      ],
    },
    "an hour's silence leaves one window's worth": {
      marginMs: 0,
      rows: [
        { time: 0, cost: 10, ok: true },
        { time: 3_600_000, cost: 10, ok: true },
        { time: 3_600_000, cost: 1, ok: false },
      ],
    },
  }
  for (const [name, { marginMs, rows }] of Object.entries(tables)) {
    it(name, () => {
      expect(play(new SlidingWindow({ ...minute, marginMs }), rows)).toEqual(rows)
    })
  }

  it("says when enough of the oldest has left", () => {
    const window = new SlidingWindow(minute)
    window.take(0, 4)
    window.take(10_000, 6)
    expect(window.msUntil(20_000, 4)).toBe(40_100)
    expect(window.msUntil(20_000, 5)).toBe(50_100)
    expect(window.msUntil(20_000, 50)).toBe(50_100)
  })

  it("refunds what still counts, in the slot it was taken in", () => {
    const window = new SlidingWindow(minute)
    window.take(0, 10)
    window.give(5_000, 4, 0)
    expect(window.level(5_000)).toBe(4)
    window.take(5_000, 4)
    expect(window.level(60_100)).toBe(6)
    window.give(60_100, 6, 0)
    expect(window.level(60_100)).toBe(6)
  })

  it("goes into debt when more was used, until that leaves the window", () => {
    const window = new SlidingWindow(minute)
    window.take(1_000, 5)
    window.give(2_000, -20, 1_000)
    expect(window.level(2_000)).toBe(-15)
    expect(window.msUntil(2_000, 1)).toBe(59_100)
    expect(window.level(61_100)).toBe(10)
  })

  it("is told its level, up and down", () => {
    const window = new SlidingWindow(minute)
    window.take(0, 2)
    window.take(30_000, 3)
    window.setLevel(30_000, 1)
    expect(window.level(30_000)).toBe(1)
    window.setLevel(30_000, 8)
    expect(window.level(30_000)).toBe(8)
    // The newest use went first.
    expect(window.level(60_100)).toBe(10)
  })

  it("is retuned, also below what is used", () => {
    const window = new SlidingWindow(minute)
    window.take(0, 8)
    window.retune(5)
    expect(window.level(1_000)).toBe(-3)
    expect(window.msUntil(1_000, 1)).toBe(59_100)
  })

  it("never admits what the exact log refuses, and is a slot slower at most", () => {
    const asks = fc.array(
      fc.record({ gapMs: fc.integer({ min: 0, max: 30_000 }), cost: fc.integer({ min: 1, max: 10 }) }),
      {
        maxLength: 60,
      },
    )
    fc.assert(
      fc.property(asks, (calls) => {
        const window = new SlidingWindow(minute)
        const exact = createLimitModel({ limit: 10, windowMs: 60_000, model: "sliding" })
        let nowMs = 0
        for (const { gapMs, cost } of calls) {
          nowMs += gapMs
          const leastMs = exact.msUntil(nowMs, cost)
          const waitMs = window.msUntil(nowMs, cost)
          expect(waitMs).toBeLessThanOrEqual(leastMs + 100.001)
          nowMs += waitMs
          expect(window.msUntil(nowMs, cost)).toBe(0)
          expect(exact.tryTake(nowMs, cost)).toBe(true)
          window.take(nowMs, cost)
        }
      }),
    )
  })
})
