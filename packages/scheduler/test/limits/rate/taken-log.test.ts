import { createLimitModel } from "@sluice/lab"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { TakenLog } from "../../../src/limits/rate/taken-log.ts"

interface Row {
  readonly time: number
  readonly cost: number
  readonly ok: boolean
}

/** Milliseconds until `cost` fits where ten may be taken in any minute. */
function msUntil(log: TakenLog, nowMs: number, cost: number): number {
  const missing = Math.min(cost, limit) - (limit - log.inWindow(nowMs))
  return missing <= 1e-6 ? 0 : log.msUntilFreed(nowMs, missing)
}

function play(log: TakenLog, rows: readonly Row[]): Row[] {
  return rows.map(({ time, cost }) => {
    const ok = msUntil(log, time, cost) === 0
    if (ok) log.take(time, cost)
    return { time, cost, ok }
  })
}

// Slots of 100 ms: what is taken at 0 counts until 60,100.
const limit = 10
const minute = { windowMs: 60_000, marginMs: 0 }

describe("a log of what was taken", () => {
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
      expect(play(new TakenLog({ ...minute, marginMs }), rows)).toEqual(rows)
    })
  }

  it("says when enough of the oldest has left", () => {
    const window = new TakenLog(minute)
    window.take(0, 4)
    window.take(10_000, 6)
    expect(msUntil(window, 20_000, 4)).toBe(40_100)
    expect(msUntil(window, 20_000, 5)).toBe(50_100)
    expect(msUntil(window, 20_000, 50)).toBe(50_100)
  })

  it("refunds what still counts, in the slot it was taken in", () => {
    const window = new TakenLog(minute)
    window.take(0, 10)
    window.give(5_000, 4, 0)
    expect(window.inWindow(5_000)).toBe(6)
    window.take(5_000, 4)
    expect(window.inWindow(60_100)).toBe(4)
    window.give(60_100, 6, 0)
    expect(window.inWindow(60_100)).toBe(4)
  })

  it("goes into debt when more was used, until that leaves the window", () => {
    const window = new TakenLog(minute)
    window.take(1_000, 5)
    window.give(2_000, -20, 1_000)
    expect(window.inWindow(2_000)).toBe(25)
    expect(msUntil(window, 2_000, 1)).toBe(59_100)
    expect(window.inWindow(61_100)).toBe(0)
  })

  it("gives up its newest entries first", () => {
    const window = new TakenLog(minute)
    window.take(0, 2)
    window.take(30_000, 7)
    window.remove(30_000, 7)
    expect(window.inWindow(30_000)).toBe(2)
    expect(window.inWindow(60_100)).toBe(0)
  })

  it("remembers two windows, and when the first of them was taken", () => {
    const window = new TakenLog(minute)
    window.take(10_000, 2)
    window.take(100_000, 3)
    expect([window.since(10_000), window.since(20_000), window.since(110_000)]).toEqual([5, 3, 0])
    expect(window.firstSince(20_000)).toBe(100_000)
    expect(window.firstSince(110_000)).toBe(Infinity)
  })

  it("is changed by no question", () => {
    const asked = new TakenLog(minute)
    const other = new TakenLog(minute)
    for (const log of [asked, other]) log.take(0, 5)
    for (let ms = 0; ms < 300_000; ms += 777) {
      asked.inWindow(ms)
      asked.msUntilFreed(ms, 3)
      asked.since(ms)
    }
    for (const log of [asked, other]) log.take(30_000, 5)
    expect([asked.inWindow(30_000), asked.inWindow(60_100)]).toEqual([other.inWindow(30_000), other.inWindow(60_100)])
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
        const window = new TakenLog(minute)
        const exact = createLimitModel({ limit: 10, windowMs: 60_000, model: "sliding" })
        let nowMs = 0
        for (const { gapMs, cost } of calls) {
          nowMs += gapMs
          const leastMs = exact.msUntil(nowMs, cost)
          const waitMs = msUntil(window, nowMs, cost)
          expect(waitMs).toBeLessThanOrEqual(leastMs + 100.001)
          nowMs += waitMs
          expect(msUntil(window, nowMs, cost)).toBe(0)
          expect(exact.tryTake(nowMs, cost)).toBe(true)
          window.take(nowMs, cost)
        }
      }),
    )
  })
})
