import { describe, expect, it } from "vitest"
import { Gate } from "../../src/quota/gate.ts"

/** When each start is let through, if one is always ready: milliseconds after `fromMs`. */
function starts(gate: Gate, fromMs: number, untilMs: number, onStart?: (nowMs: number) => void): number[] {
  const at: number[] = []
  let nowMs = fromMs
  while (nowMs < untilMs) {
    const waitMs = gate.msUntil(nowMs)
    nowMs += waitMs
    if (waitMs > 0) continue
    gate.started(nowMs)
    at.push(nowMs - fromMs)
    onStart?.(nowMs)
    if (at.length > 5_000) break
  }
  return at
}

describe("the gate", () => {
  it("is open until somebody is refused", () => {
    const gate = new Gate()
    expect([gate.msUntil(0), gate.closed, gate.ramping, gate.streak]).toEqual([0, false, false, 0])
  })

  it("closes for everybody until the delay has passed, however long", () => {
    const gate = new Gate()
    expect(gate.close(1_000, 3_601_000, 500)).toBe(true)
    expect([gate.msUntil(1_000), gate.msUntil(3_600_999), gate.msUntil(3_601_000)]).toEqual([3_600_000, 1, 0])
    expect(gate.closed).toBe(true)
  })

  it("counts a burst once, and keeps the longest delay of it", () => {
    const gate = new Gate()
    const refusals = [
      { nowMs: 1_000, untilMs: 3_000, isNew: true, closedUntilMs: 3_000 },
      { nowMs: 1_010, untilMs: 2_000, isNew: false, closedUntilMs: 3_000 },
      { nowMs: 1_020, untilMs: 9_000, isNew: false, closedUntilMs: 9_000 },
      { nowMs: 1_030, untilMs: 4_000, isNew: false, closedUntilMs: 9_000 },
    ]
    for (const { nowMs, untilMs, isNew, closedUntilMs } of refusals) {
      expect(gate.close(nowMs, untilMs, 900)).toBe(isNew)
      expect(gate.closedUntilMs).toBe(closedUntilMs)
      expect(gate.streak).toBe(1)
    }
  })

  it("counts a refusal of a call that left after the closing as a new episode", () => {
    const gate = new Gate()
    gate.close(1_000, 2_000, 900)
    gate.started(2_000)
    expect([gate.isNewEpisode(999), gate.isNewEpisode(2_000)]).toEqual([false, true])
    expect(gate.close(2_100, 5_000, 2_000)).toBe(true)
    expect([gate.streak, gate.msUntil(2_100)]).toEqual([2, 2_900])
  })

  it("ends a streak with the success of a call that left after the closing", () => {
    const gate = new Gate()
    gate.close(1_000, 2_000, 900)
    gate.passed(900)
    expect(gate.streak).toBe(1)
    gate.passed(2_000)
    expect(gate.streak).toBe(0)
  })

  it("sends one probe, and nobody else before its answer or the time of a refusal", () => {
    const gate = new Gate()
    gate.close(0, 10_000, 0)
    expect(gate.started(10_000)).toBe(true)
    expect(gate.closed).toBe(false)
    expect(gate.msUntil(10_000)).toBeGreaterThan(0)
    gate.answered(10_100, 9_000)
    expect(gate.msUntil(10_100), "an older call's answer says nothing").toBeGreaterThan(0)
    gate.answered(10_100, 10_000)
    expect(gate.msUntil(10_100)).toBe(0)
    expect(gate.started(10_100)).toBe(false)
  })

  it("takes a probe for passed when a refusal would have come back", () => {
    const gate = new Gate()
    gate.close(0, 10_000, 0)
    gate.started(10_000)
    expect(gate.msUntil(10_000)).toBe(250)
    expect(gate.msUntil(10_250)).toBe(0)
  })

  it("doubles what may start with every step after the probe passed", () => {
    const gate = new Gate()
    gate.close(0, 1_000, 0)
    gate.started(1_000)
    gate.answered(1_100, 1_000)
    const at = starts(gate, 1_100, 3_000)
    const within = (ms: number): number => at.filter((one) => one <= ms).length
    // The probe was the first of the two.
    expect(within(0)).toBe(1)
    const counts = [0, 250, 500, 750, 1_000].map((ms) => within(ms) + 1)
    expect(counts).toEqual([2, 4, 8, 16, 32])
  })

  it("steps slower where refusals come back slower: what starts must be seen to fail first", () => {
    const slow = new Gate()
    for (let i = 0; i < 30; i++) slow.close(2_000, 3_000, 0)
    slow.started(3_000)
    slow.answered(3_000, 3_000)
    const at = starts(slow, 3_000, 12_000)
    const within = (ms: number): number => at.filter((one) => one <= ms).length + 1
    expect(within(3_900)).toBeLessThan(4)
    expect(within(4_000)).toBe(4)
    expect(within(8_000)).toBe(8)
  })

  it("begins its ramp with the first start, however late that comes", () => {
    const gate = new Gate()
    gate.beginRamp(0, 2)
    for (let i = 0; i < 2; i++) {
      expect(gate.msUntil(60_000)).toBe(0)
      gate.started(60_000)
    }
    expect(gate.msUntil(60_000)).toBeCloseTo(250 * Math.log2(3 / 2))
  })

  it("holds its ramp while the process is too busy to read refusals", () => {
    const gate = new Gate()
    gate.beginRamp(0, 10)
    for (let i = 0; i < 10; i++) gate.started(0)
    const dueMs = gate.msUntil(0)
    // Awake 500 ms late: two doublings of the ramp, but nobody has looked at an answer since.
    let starts = 10
    for (; gate.msUntil(dueMs + 500) === 0; starts++) gate.started(dueMs + 500)
    expect(starts).toBe(11)
  })

  it("is open when the ramp has done its work", () => {
    const gate = new Gate()
    gate.beginRamp(0, 2)
    expect(gate.ramping).toBe(true)
    gate.started(0)
    expect(gate.msUntil(10_000)).toBe(0)
    expect(gate.ramping).toBe(false)
  })

  it("goes on by time alone once the vendor says that it stands ready for all", () => {
    const waits = (gate: Gate): number => {
      gate.beginRamp(0, 2, 2)
      for (let i = 0; i < 2; i++) gate.started(0)
      return gate.msUntil(1_000)
    }
    expect(waits(new Gate())).toBe(4_000)
    const gate = new Gate()
    gate.beginRamp(0, 2, 2)
    gate.hasten()
    for (let i = 0; i < 2; i++) gate.started(0)
    expect(gate.msUntil(1_000)).toBe(0)
    gate.close(1_000, 3_000, 900)
    gate.hasten()
    expect([gate.ramping, gate.msUntil(1_500)], "a closed gate stays closed").toEqual([true, 1_500])
    gate.started(3_000)
    gate.hasten()
    expect([gate.ramping, gate.msUntil(3_001)], "after a refusal the ramp has done its work").toEqual([false, 0])
  })

  it("goes on by two for each answer beyond what it may start by time", () => {
    const gate = new Gate()
    gate.beginRamp(0, 2, 4)
    const at = starts(gate, 0, 4_000)
    expect(at).toHaveLength(4)
    expect(gate.msUntil(4_000)).toBe(1_000)
    gate.answered(4_000, 100)
    expect(starts(gate, 4_000, 4_001)).toHaveLength(2)
    expect(gate.msUntil(4_000)).toBe(1_000)
  })
})
