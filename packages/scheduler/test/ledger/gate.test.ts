import { describe, expect, it } from "vitest"
import { Gate } from "../../src/ledger/gate.ts"

/** When each start is let through, if one is always ready: milliseconds after `fromMs`. */
function starts(gate: Gate, fromMs: number, untilMs: number, onStart?: (nowMs: number) => void): number[] {
  const at: number[] = []
  let nowMs = fromMs
  while (nowMs < untilMs) {
    const waitMs = gate.msUntil(nowMs, false)
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
    expect([gate.msUntil(0, false), gate.closed, gate.ramping]).toEqual([0, false, false])
  })

  it("needs no probe where a limit lets calls through one by one, until the next refusal says otherwise", () => {
    const gate = new Gate()
    gate.close(0, 10, -1, true)
    gate.close(5, 20, -1)
    expect([gate.started(20), gate.msUntil(20, false), gate.ramping]).toEqual([true, 0, false])
    gate.close(30, 40, 20)
    expect([gate.started(40), gate.ramping]).toEqual([true, true])
  })

  it("closes for everybody until the delay has passed, however long", () => {
    const gate = new Gate()
    expect(gate.close(1_000, 3_601_000, 500)).toBe(true)
    expect([gate.msUntil(1_000, false), gate.msUntil(3_600_999, false), gate.msUntil(3_601_000, false)]).toEqual([
      3_600_000, 1, 0,
    ])
    expect(gate.closed).toBe(true)
  })

  it("counts a burst once, and keeps the longest delay of it", () => {
    const gate = new Gate()
    const refusals = [
      { nowMs: 1_000, untilMs: 3_000, wasOpen: true, closedUntilMs: 3_000 },
      { nowMs: 1_010, untilMs: 2_000, wasOpen: false, closedUntilMs: 3_000 },
      { nowMs: 1_020, untilMs: 9_000, wasOpen: false, closedUntilMs: 9_000 },
      { nowMs: 1_030, untilMs: 4_000, wasOpen: false, closedUntilMs: 9_000 },
    ]
    for (const { nowMs, untilMs, wasOpen, closedUntilMs } of refusals) {
      expect(gate.close(nowMs, untilMs, 900)).toBe(wasOpen)
      expect(gate.closedUntilMs).toBe(closedUntilMs)
      expect(gate.closedAtMs).toBe(1_000)
    }
  })

  it("counts a refusal of a call that left after the closing as a new event", () => {
    const gate = new Gate()
    gate.close(1_000, 2_000, 900)
    gate.started(2_000)
    expect([gate.isNew(999), gate.isNew(2_000)]).toEqual([false, true])
    expect(gate.close(2_100, 5_000, 2_000)).toBe(true)
    expect(gate.msUntil(2_100, false)).toBe(2_900)
  })

  it("holds nobody back who is alone, once its delay has passed", () => {
    const gate = new Gate()
    gate.close(0, 1_000, 0)
    expect(gate.msUntil(0, true)).toBe(1_000)
    gate.started(1_000)
    expect([gate.msUntil(1_000, true), gate.msUntil(1_000, false)]).toEqual([0, 250])
  })

  it("is changed by no question", () => {
    const gate = new Gate()
    gate.close(0, 1_000, 0)
    gate.started(1_000)
    for (let ms = 1_000; ms < 9_000; ms += 10) gate.msUntil(ms, false)
    expect(gate.msUntil(1_000, false)).toBe(250)
  })

  it("sends one probe, and nobody else before its answer or the time of a refusal", () => {
    const gate = new Gate()
    gate.close(0, 10_000, 0)
    expect(gate.started(10_000)).toBe(true)
    expect(gate.closed).toBe(false)
    expect(gate.msUntil(10_000, false)).toBeGreaterThan(0)
    gate.answered(10_100, 9_000)
    expect(gate.msUntil(10_100, false), "an older call's answer says nothing").toBeGreaterThan(0)
    gate.answered(10_100, 10_000)
    expect(gate.msUntil(10_100, false)).toBe(0)
    expect(gate.started(10_100)).toBe(false)
  })

  it("takes a probe for passed when a refusal would have come back", () => {
    const gate = new Gate()
    gate.close(0, 10_000, 0)
    gate.started(10_000)
    expect(gate.msUntil(10_000, false)).toBe(250)
    expect(gate.msUntil(10_250, false)).toBe(0)
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
    const counts = [0, 125, 250, 375, 500].map((ms) => within(ms) + 1)
    expect(counts).toEqual([2, 4, 8, 16, 32])
  })

  it("is open when so many have passed", () => {
    const gate = new Gate()
    gate.close(0, 1_000, 0)
    gate.started(1_000)
    gate.answered(1_100, 1_000)
    expect(gate.ramping).toBe(true)
    gate.started(3_000)
    expect([gate.ramping, gate.msUntil(3_000, false)]).toEqual([false, 0])
  })
})
