import { describe, expect, it } from "vitest"
import { PlaceDoubt } from "../../src/limits/place-doubt.ts"

function refusedAt(nowMs: number, accepted: number): PlaceDoubt {
  const doubt = new PlaceDoubt()
  doubt.refused(nowMs, accepted, false)
  return doubt
}

describe("whether places are what is short", () => {
  it("is tried by one call more, a second after all others where calls take long", () => {
    const doubt = refusedAt(0, 1)
    const untils = [0, 400, 1_000].map((nowMs) => doubt.msUntil(nowMs, 1, 1, 18_000))
    expect(untils).toEqual([1_000, 600, 0])
    expect(doubt.started(900, 1, 1), "no more than had room").toBe(false)
    expect(doubt.msUntil(1_000, 1, 1, 18_000)).toBe(900)
    expect(doubt.started(1_900, 2, 1)).toBe(true)
  })

  it("where calls are short, half as far from the last as they usually are from each other", () => {
    const doubt = refusedAt(0, 4)
    doubt.started(1_000, 4, 4)
    expect([doubt.msUntil(1_000, 4, 4, 400), doubt.msUntil(1_050, 4, 4, 400)]).toEqual([50, 0])
  })

  it("never by two more at once", () => {
    expect(refusedAt(0, 4).msUntil(5_000, 5, 4, 400)).toBe(Infinity)
  })

  it("ever more rarely as each try is refused, and no more rarely for the rest of one burst", () => {
    const doubt = refusedAt(50, 9)
    for (let accepted = 8; accepted >= 2; accepted--) doubt.refused(50, accepted, true)
    const waits: number[] = []
    let nowMs = 50
    for (let i = 0; i < 14; i++) {
      const waitMs = doubt.msUntil(nowMs, 2, 2, 18_000)
      waits.push(waitMs / 1_000)
      nowMs += waitMs
      doubt.started(nowMs, 3, 2)
      doubt.refused((nowMs += 50), 2, false)
    }
    expect(waits.slice(0, 5)).toEqual([1, 2, 4, 8, 16])
    expect(waits.at(-1)).toBe(300)
    expect(doubt.isRefuted(nowMs)).toBe(false)
  })

  it("is answered when more run than ran as one was refused, and none of those was in the time that a refusal takes", () => {
    const doubt = refusedAt(0, 9)
    doubt.refused(50, 1, true)
    doubt.started(1_100, 2, 1)
    doubt.started(2_100, 3, 2)
    expect([doubt.isRefuted(2_200), doubt.isRefuted(2_350)]).toEqual([false, true])
    const many = refusedAt(0, 40)
    for (let running = 41; running <= 50; running++) {
      expect(many.isRefuted(1_000 * running)).toBe(false)
      many.started(1_000 * running, running, running - 1)
    }
    expect(many.isRefuted(51_000)).toBe(true)
  })

  it("remembers what ran, also as one more was refused again", () => {
    const doubt = refusedAt(0, 4)
    doubt.started(1_000, 5, 4)
    doubt.started(2_000, 6, 5)
    doubt.refused(2_300, 5, false)
    expect(doubt.isRefuted(2_300)).toBe(true)
  })

  it("goes on sooner after a try that was not refused", () => {
    const doubt = refusedAt(0, 10)
    doubt.started(1_000, 11, 10)
    expect(doubt.msUntil(1_000, 11, 11, 18_000)).toBe(1_000)
    doubt.started(2_000, 12, 11)
    expect(doubt.msUntil(2_000, 12, 12, 18_000)).toBeCloseTo(750)
  })
})
