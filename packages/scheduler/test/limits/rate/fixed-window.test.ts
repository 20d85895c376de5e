import { describe, expect, it } from "vitest"
import { FixedWindow } from "../../../src/limits/rate/fixed-window.ts"

interface Row {
  readonly time: number
  readonly cost: number
  readonly ok: boolean
}

/** Milliseconds until `cost` fits where ten may be taken between two resets. */
function msUntil(window: FixedWindow, nowMs: number, cost: number): number {
  return Math.min(cost, limit) <= limit - window.used(nowMs) ? 0 : window.msUntilReset(nowMs)
}

function play(window: FixedWindow, rows: readonly Row[]): Row[] {
  return rows.map(({ time, cost }) => {
    const ok = msUntil(window, time, cost) === 0
    if (ok) window.take(time, cost)
    return { time, cost, ok }
  })
}

const limit = 10
const minute = { windowMs: 60_000, resetAtMs: 20_000 }

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
    expect(msUntil(window, 5_000, 1)).toBe(15_050)
    expect(msUntil(window, 5_000, 1_000)).toBe(15_050)
  })

  it("finds the next reset from one long past", () => {
    const window = new FixedWindow({ windowMs: 60_000, resetAtMs: 20_000, nowMs: 1_000_000 })
    window.take(1_000_000, 10)
    expect(msUntil(window, 1_000_000, 1)).toBe(40_000)
  })

  it("refunds only in the window it was taken in", () => {
    const window = new FixedWindow(minute)
    window.take(10_000, 8)
    window.give(15_000, 3, 10_000)
    expect(window.used(15_000)).toBe(5)
    window.take(30_000, 2)
    window.give(31_000, 5, 10_000)
    expect(window.used(31_000)).toBe(2)
  })

  it("forgives a debt with the window", () => {
    const window = new FixedWindow(minute)
    window.take(0, 10)
    window.give(1_000, -30, 0)
    expect(window.used(1_000)).toBe(40)
    expect(window.used(20_000)).toBe(0)
  })

  it("moves its reset as little as the vendor's word demands", () => {
    const window = new FixedWindow(minute)
    window.take(0, 10)
    window.hearReset(18_000, 25_000)
    expect(msUntil(window, 0, 1)).toBe(20_000)
    window.hearReset(30_000, 31_000)
    expect(msUntil(window, 0, 1)).toBe(30_000)
    window.hearReset(10_000, 12_000)
    expect(msUntil(window, 0, 1)).toBe(12_000)
  })

  it("an end that is named late, of a window that is over, moves no window after it", () => {
    const window = new FixedWindow(minute)
    window.take(25_000, 10)
    window.hearReset(18_000, 40_000)
    expect(msUntil(window, 40_000, 1)).toBe(40_000)
    window.hearReset(22_000, 40_000)
    expect(msUntil(window, 40_000, 1)).toBe(42_000)
  })

  it("is told what is used", () => {
    const window = new FixedWindow(minute)
    window.setUsed(0, 7)
    expect(window.used(0)).toBe(7)
    expect(window.used(20_000)).toBe(0)
  })

  it("knows whether it began anew between two moments, and no question changes it", () => {
    const window = new FixedWindow(minute)
    window.take(0, 4)
    expect([window.wasReset(19_999, 0), window.wasReset(20_000, 19_000), window.wasReset(30_000, 20_001)]).toEqual([
      false,
      true,
      false,
    ])
    expect([window.used(90_000), window.used(19_000)]).toEqual([0, 4])
  })
})
