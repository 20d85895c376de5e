import { describe, expect, it } from "vitest"
import { FixedWindow } from "../../src/limits/fixed-window.ts"

interface Row {
  readonly time: number
  readonly cost: number
  readonly ok: boolean
}

function play(window: FixedWindow, rows: readonly Row[]): Row[] {
  return rows.map(({ time, cost }) => {
    const ok = window.msUntil(time, cost) === 0
    if (ok) window.take(time, cost)
    return { time, cost, ok }
  })
}

const minute = { limit: 10, windowMs: 60_000, resetAtMs: 20_000 }

describe("a fixed window", () => {
  const tables: Record<string, { readonly marginMs?: number; readonly rows: readonly Row[] }> = {
    "fresh at each reset": {
      rows: [
        { time: 0, cost: 10, ok: true },
        { time: 19_999, cost: 1, ok: false },
        { time: 20_000, cost: 7, ok: true },
        { time: 79_999, cost: 4, ok: false },
        { time: 79_999, cost: 3, ok: true },
        { time: 80_000, cost: 10, ok: true },
      ],
    },
    "several resets may pass unseen": {
      rows: [
        { time: 0, cost: 10, ok: true },
        { time: 490_000, cost: 10, ok: true },
        { time: 499_999, cost: 1, ok: false },
        { time: 500_000, cost: 10, ok: true },
      ],
    },
    "what leaves within the margin of a reset counts in both windows": {
      marginMs: 500,
      rows: [
        { time: 0, cost: 6, ok: true },
        { time: 20_400, cost: 5, ok: false },
        { time: 20_400, cost: 4, ok: true },
        { time: 20_499, cost: 1, ok: false },
        { time: 20_500, cost: 7, ok: false },
        { time: 20_500, cost: 6, ok: true },
      ],
    },
    "a clock that steps back frees nothing": {
      rows: [
        { time: 20_000, cost: 10, ok: true },
        { time: 0, cost: 1, ok: false },
        { time: 79_999, cost: 1, ok: false },
      ],
    },
  }
  for (const [name, { marginMs, rows }] of Object.entries(tables)) {
    it(name, () => {
      expect(play(new FixedWindow({ ...minute, ...(marginMs && { marginMs }) }), rows)).toEqual(rows)
    })
  }

  it("says when the reset is, margin included", () => {
    const window = new FixedWindow({ ...minute, marginMs: 50 })
    window.take(0, 10)
    expect(window.msUntil(5_000, 1)).toBe(15_050)
    expect(window.msUntil(5_000, 1_000)).toBe(15_050)
  })

  it("finds the next reset from one long past", () => {
    const window = new FixedWindow({ limit: 10, windowMs: 60_000, resetAtMs: 20_000, nowMs: 1_000_000 })
    window.take(1_000_000, 10)
    expect(window.msUntil(1_000_000, 1)).toBe(40_000)
  })

  it("refunds only in the window it was taken in", () => {
    const window = new FixedWindow(minute)
    window.take(10_000, 8)
    window.give(15_000, 3, 10_000)
    expect(window.level(15_000)).toBe(5)
    window.take(30_000, 2)
    window.give(31_000, 5, 10_000)
    expect(window.level(31_000)).toBe(8)
  })

  it("forgives a debt with the window", () => {
    const window = new FixedWindow(minute)
    window.take(0, 10)
    window.give(1_000, -30, 0)
    expect(window.level(1_000)).toBe(-30)
    expect(window.level(20_000)).toBe(10)
  })

  it("moves its reset as little as the vendor's word demands", () => {
    const window = new FixedWindow(minute)
    window.take(0, 10)
    window.hearReset(18_000, 25_000)
    expect(window.msUntil(0, 1)).toBe(20_000)
    window.hearReset(30_000, 31_000)
    expect(window.msUntil(0, 1)).toBe(30_000)
    window.hearReset(10_000, 12_000)
    expect(window.msUntil(0, 1)).toBe(12_000)
  })

  it("is told its level, and retuned", () => {
    const window = new FixedWindow(minute)
    window.setLevel(0, 3)
    expect(window.level(0)).toBe(3)
    window.retune(5)
    expect(window.level(0)).toBe(-2)
    expect(window.level(20_000)).toBe(5)
  })
})
