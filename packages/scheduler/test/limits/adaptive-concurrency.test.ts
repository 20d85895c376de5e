import { describe, expect, it } from "vitest"
import { AdaptiveConcurrency, adaptive, adaptiveDefaults } from "../../src/limits/adaptive-concurrency.ts"

/** A round: as many successes as the limit, all in use. */
function round(limit: AdaptiveConcurrency): void {
  for (let left = limit.limit; left > 0; left--) limit.sample({ inFlight: limit.limit })
}

/** One round against a server of `slots` that refuses beyond them. */
function against(limit: AdaptiveConcurrency, slots: number): boolean {
  if (limit.limit > slots) {
    limit.refused(slots)
    return true
  }
  round(limit)
  return false
}

const start = (options = {}): AdaptiveConcurrency => new AdaptiveConcurrency({ ...adaptiveDefaults, ...options })

describe("a concurrency limit that finds itself", () => {
  it("is asked for within bounds", () => {
    expect(adaptive()).toEqual({ kind: "adaptive", min: 1, max: 1_000, initial: 10 })
    expect(adaptive({ max: 64 })).toEqual({ kind: "adaptive", min: 1, max: 64, initial: 10 })
    expect(start({ max: 2 }).limit).toBe(2)
    expect(start({ min: 12 }).limit).toBe(12)
  })

  it("doubles each round trip until something pushes back", () => {
    const limit = start()
    const seen = [limit.limit]
    for (let i = 0; i < 4; i++) {
      round(limit)
      seen.push(limit.limit)
    }
    expect(seen).toEqual([10, 20, 40, 80, 160])
  })

  it("knows the refusal of its last step though answers of all that run came before it, and not after more", () => {
    const limit = start({ initial: 8 })
    limit.refused(8)
    while (limit.limit === 8) limit.sample({ inFlight: 8 })
    for (let i = 0; i < 8; i++) limit.sample({ inFlight: 9 })
    expect([limit.limit, limit.isProbe(8)]).toEqual([9, true])
    for (let i = 0; i < 2; i++) limit.sample({ inFlight: 9 })
    expect([limit.limit, limit.isProbe(8)]).toEqual([9, false])
  })

  it("lets those who are no herd leave one after the other, twice as many in the time that a refusal needs, without an answer", () => {
    const limit = start({ max: 30 })
    for (let running = 1; running <= 10; running++) {
      expect(limit.msUntil(1_000, running - 1, false)).toBe(0)
      limit.started(1_000, running)
    }
    expect(limit.msUntil(1_000, 10, true)).toBe(Infinity)
    let nowMs = 1_000
    for (let running = 11; running <= 20; running++) {
      const inMs = limit.msUntil(nowMs, running - 1, false)
      expect(inMs).toBeLessThan(35)
      nowMs += inMs
      limit.started(nowMs, running)
    }
    expect(nowMs - 1_000).toBeCloseTo(250)
    expect(limit.limit).toBe(20)
    // However long nobody came, the next come one after the other again.
    expect(limit.msUntil(60_000, 20, false)).toBeLessThan(0)
    limit.started(60_000, 21)
    expect(limit.msUntil(60_000, 21, false)).toBeGreaterThan(15)
    expect(limit.msUntil(90_000, 30, false)).toBe(Infinity)
  })

  it("holds what ran as the server refused, and lets nobody try more without answers from then on", () => {
    const limit = start()
    for (let running = 1; running <= 10; running++) limit.started(0, running)
    for (let running = 11; running <= 24; running++) limit.started(running * 25, running)
    limit.refused(20)
    expect(limit.limit).toBe(20)
    expect(limit.msUntil(60_000, 20, false)).toBe(Infinity)
  })

  it("grows to its bound and no further", () => {
    const limit = start({ max: 20 })
    for (let i = 0; i < 10; i++) round(limit)
    expect(limit.limit).toBe(20)
  })

  it("does not grow while it is not used", () => {
    const limit = start({ initial: 20 })
    for (let i = 0; i < 1_000; i++) expect(limit.sample({ inFlight: 7 })).toBe(undefined)
    expect(limit.limit).toBe(20)
  })

  it("goes to what was accepted when it is refused", () => {
    const limit = start()
    round(limit)
    round(limit)
    expect(limit.refused(12)).toBe("refused above 12")
    expect([limit.limit, limit.ceiling]).toEqual([12, 12])
  })

  it("probes one above after a clean round, then ever more rarely", () => {
    const limit = start()
    const refusedAt: number[] = []
    for (let i = 0; i < 400; i++) if (against(limit, 12)) refusedAt.push(i)
    const gaps = refusedAt.slice(1).map((at, index) => at - refusedAt[index]!)
    expect(refusedAt.length).toBeGreaterThan(4)
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b))
    expect(gaps.at(-1)!).toBeGreaterThan(60)
    expect(limit.limit).toBeGreaterThanOrEqual(12)
  })

  it("drops by three tenths when it is refused well within what it knew to fit, and to what fits when a few were too many", () => {
    const limit = start()
    while (limit.limit < 32) round(limit)
    limit.refused(32)
    expect(limit.limit).toBe(32)
    expect(limit.refused(30)).toBe("refused above 30")
    expect(limit.limit).toBe(30)
    expect(limit.refused(20)).toBe("refused at 20 in flight")
    expect(limit.limit).toBe(20)
  })

  it("is lowered by each further refusal of a burst, and restored when the server had only been down", () => {
    const limit = start()
    while (limit.limit < 32) round(limit)
    limit.refused(31)
    expect(limit.lower(27)).toBe("refused above 27")
    expect(limit.lower(29)).toBeUndefined()
    expect(limit.limit).toBe(27)
    expect(limit.restore(32, "the server is back")).toBe("the server is back")
    expect([limit.limit, limit.ceiling]).toEqual([32, undefined])
  })

  it("takes longer steps where the last ones held", () => {
    const limit = start()
    while (limit.limit < 32) round(limit)
    limit.refused(24)
    const limits: number[] = []
    for (let rounds = 0; rounds < 24; rounds++) {
      round(limit)
      limits.push(limit.limit)
    }
    const steps = limits.map((value, i) => value - (limits[i - 1] ?? 24)).filter((step) => step > 0)
    expect(steps.slice(0, 4)).toEqual([1, 1, 1, 1])
    expect(steps.at(-1)).toBeGreaterThan(8)
  })

  it("follows a server that shrinks from 32 slots to 12, and one that grows back", () => {
    const limit = start()
    for (let i = 0; i < 30; i++) against(limit, 32)
    expect(limit.limit).toBeGreaterThanOrEqual(31)
    for (let i = 0; i < 10; i++) against(limit, 12)
    expect(limit.limit).toBeLessThanOrEqual(13)
    for (let i = 0; i < 2_000; i++) against(limit, 32)
    expect(limit.limit).toBeGreaterThanOrEqual(31)
  })

  it("never goes below its least", () => {
    const limit = start({ min: 2 })
    for (let i = 0; i < 20; i++) limit.refused(0)
    expect(limit.limit).toBe(2)
  })

  it("shrinks where more calls only wait: latency per token rises with load", () => {
    const limit = start({ initial: 4 })
    const slots = 8
    let reason: string | undefined
    for (let i = 0; i < 3_000 && !reason; i++) {
      const inFlight = limit.limit
      const outputTokens = 50 + ((i * 97) % 400)
      const changed = limit.sample({
        inFlight,
        outputTokens,
        totalMs: outputTokens * 10 * Math.max(1, inFlight / slots),
      })
      if (changed?.startsWith("latency")) reason = changed
    }
    expect(reason).toMatch(/^latency per token is \d+\.\d\d × that of fewer calls$/)
    expect(limit.limit).toBeLessThan(40)
  })

  it("goes up by one a round in slow start while latency seems to rise, and on as soon as it does not", () => {
    const limit = start({ initial: 4 })
    const answered = (inFlight: number, msPerToken: number): void =>
      void limit.sample({ inFlight, outputTokens: 100, firstTokenMs: 0, totalMs: 100 * msPerToken })
    while (limit.limit < 16) answered(limit.limit, 10)
    for (let i = 0; i < 6; i++) answered(16, 15)
    const held = limit.limit
    for (let i = 0; i < 3; i++) answered(16, 15)
    expect(limit.limit).toBe(held)
    for (let i = 0; i < 20; i++) answered(16, 8)
    expect(limit.limit).toBeGreaterThan(held)
  })

  it("takes long answers for long, not for slow", () => {
    const limit = start({ initial: 4, max: 64 })
    for (let i = 0; i < 3_000; i++) {
      // The longer the answer, the longer it took; more so under load, by chance.
      const outputTokens = limit.limit * 40
      const reason = limit.sample({ inFlight: limit.limit, outputTokens, totalMs: outputTokens * 10 })
      expect(reason ?? "").not.toMatch(/latency/)
    }
    expect(limit.limit).toBe(64)
  })

  it("stands aside when refusals turn out to come from a rate", () => {
    const limit = start({ max: 50 })
    limit.refused(4)
    limit.release()
    expect([limit.limit, limit.ceiling]).toEqual([50, undefined])
  })
})
