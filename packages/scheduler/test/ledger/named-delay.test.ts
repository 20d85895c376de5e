import { describe, expect, it } from "vitest"
import { NamedDelay } from "../../src/ledger/named-delay.ts"

const call = { cost: {}, admittedMs: 0, place: true, inFlight: 1, anchors: [] }

/** The share of each delay that is believed, of events at these times; `fruitless` as the ledger counts it. */
function believed(events: readonly { atMs: number; ms?: number; fruitless?: number; isNew?: boolean }[]): unknown[] {
  const delay = new NamedDelay()
  return events.map(({ atMs, ms, fruitless = 0, isNew = true }) => {
    const said = { outcome: "throttled", reason: "rate", ...(ms !== undefined && { retryAfterMs: ms }) } as const
    return delay.credited(atMs, call, said, isNew, fruitless, []).retryAfterMs
  })
}

describe("a delay that refusals name", () => {
  it("another each time: believed", () => {
    const events = [
      { atMs: 0, ms: 60_000 },
      { atMs: 70_000, ms: 59_000 },
      { atMs: 140_000, ms: 60_000 },
    ]
    expect(believed(events)).toEqual([60_000, 59_000, 60_000])
  })

  it("the same by chance, and short: believed", () => {
    expect(believed([1, 2, 3, 4].map((n) => ({ atMs: n * 30_000, ms: 20_000 })))).toEqual(Array(4).fill(20_000))
  })

  it("none: nothing to believe", () => {
    expect(believed([{ atMs: 0 }, { atMs: 100 }, { atMs: 200 }])).toEqual([undefined, undefined, undefined])
  })

  it("the same in two events, and calls pass before it is over: none, until another is named", () => {
    const events = [
      { atMs: 0, ms: 60_000 },
      { atMs: 70_000, ms: 60_000 },
      { atMs: 70_010, ms: 60_000, isNew: false },
      { atMs: 86_000, ms: 60_000 },
      { atMs: 86_500, ms: 60_000, fruitless: 1 },
      { atMs: 90_000, ms: 60_000 },
      { atMs: 95_000, ms: 58_000 },
    ]
    expect(believed(events)).toEqual([60_000, 15_000, 15_000, undefined, undefined, undefined, 58_000])
  })

  it("found untrue, and then nothing passes: believed again", () => {
    const events = [
      { atMs: 0, ms: 60_000 },
      { atMs: 70_000, ms: 60_000 },
      { atMs: 86_000, ms: 60_000 },
      ...Array.from({ length: 9 }, (_, i) => ({ atMs: 87_000 + i * 1_000, ms: 60_000, fruitless: i + 1 })),
    ]
    expect(believed(events)).toEqual([60_000, 15_000, ...Array(9).fill(undefined), 60_000])
  })

  it("the same in two events, and the trial is refused: the rest of it, and then for good", () => {
    const events = [
      { atMs: 0, ms: 60_000 },
      { atMs: 70_000, ms: 60_000 },
      { atMs: 85_000, ms: 60_000, fruitless: 1 },
      { atMs: 200_000, ms: 60_000 },
      { atMs: 270_000, ms: 60_000 },
    ]
    expect(believed(events)).toEqual([60_000, 15_000, 45_000, 60_000, 60_000])
  })
})
