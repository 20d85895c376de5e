import { describe, expect, it } from "vitest"
import { type Crowd, Crowding } from "../../src/ledger/crowding.ts"

/** One more refusal. */
function refuse(crowding: Crowding, nowMs: number, sentMs: number, running: number): Crowd {
  const crowd = crowding.judge(sentMs, false)
  crowding.refused(nowMs, sentMs, crowd, running)
  return crowd
}

/** So many calls leave, and are served. */
function serve(crowding: Crowding, count: number, atMs = 0): void {
  for (let i = 0; i < count; i++) {
    crowding.started(atMs, 10)
    crowding.served(atMs, atMs, 10)
  }
}

describe("refusals for want of capacity", () => {
  it("are bad luck while few of those who left are refused", () => {
    const crowding = new Crowding()
    for (let round = 0; round < 50; round++) {
      serve(crowding, 19)
      crowding.started(0, 10)
      expect(refuse(crowding, round, round, 9)).toBe("luck")
    }
  })

  it("are bad luck also where they come back before any answer does", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 500; i++) crowding.started(0, i)
    for (let i = 0; i < 5; i++) expect(refuse(crowding, 40, 0, 490)).toBe("luck")
  })

  it("mean places that are taken when many are refused: a burst counts once", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 20; i++) crowding.started(0, i)
    const kinds = Array.from({ length: 8 }, () => refuse(crowding, 40, 0, 12))
    expect(kinds).toEqual(["luck", "luck", "luck", "crowded", "burst", "burst", "burst", "burst"])
    expect(refuse(crowding, 100, 60, 12), "it left after the cut").toBe("crowded")
    expect(crowding.served(60, 60, 1), "others ran all the time").toBe(false)
  })

  it("mean a server that was down when also a call that is alone was refused, until one is served", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 8; i++) crowding.started(0, i)
    for (let left = 7; left >= 0; left--) refuse(crowding, 40, 0, left)
    expect(crowding.served(20, 20, 1), "it left before the trouble").toBe(false)
    expect(crowding.served(1_000, 1_000, 1)).toBe(true)
    expect(refuse(crowding, 1_100, 1_050, 8), "what was refused then says nothing now").toBe("luck")
  })

  it("among them failures of every kind: an outage when many of those who left fail, however soon they come back", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 500; i++) crowding.started(0, i)
    for (let i = 0; i < 15; i++) expect(crowding.failed(), "three of a hundred").toBe(false)
    const down = new Crowding()
    for (let i = 0; i < 20; i++) down.started(0, i)
    expect(Array.from({ length: 5 }, () => down.failed()).at(-1)).toBe(true)
  })

  it("mean places at once where the last step up may have been one too many", () => {
    const crowding = new Crowding()
    serve(crowding, 40)
    expect([crowding.judge(1_000, false), crowding.judge(1_000, true)]).toEqual(["luck", "crowded"])
  })

  it("are bad luck also where many are refused, once as many of those are that left while far fewer ran than were served", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 20; i++) crowding.started(0, 20)
    for (let i = 0; i < 4; i++) refuse(crowding, 40, 0, 19)
    crowding.started(100, 20)
    crowding.served(2_000, 100, 20)
    // At a third of the load, one in five still.
    const kinds = Array.from({ length: 60 }, (_, i) => {
      crowding.started(3_000 + i, 7)
      if (i % 5 < 4) return void crowding.served(3_900 + i, 3_000 + i, 7)
      return refuse(crowding, 3_040 + i, 3_000 + i, 6)
    })
    expect(crowding.background).toBeCloseTo(0.2, 1)
    expect(kinds.filter(Boolean).slice(-6)).toEqual(["luck", "luck", "luck", "luck", "luck", "luck"])
    expect(crowding.judge(5_000, true), "a step up, among refusals that have nothing to do with it").toBe("luck")
  })

  it("mean places where those who left while fewer ran are served", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 20; i++) crowding.started(0, 20)
    for (let i = 0; i < 4; i++) refuse(crowding, 40, 0, 19)
    crowding.started(100, 20)
    crowding.served(2_000, 100, 20)
    for (let i = 0; i < 20; i++) {
      crowding.started(3_000 + i, 7)
      crowding.served(3_900 + i, 3_000 + i, 7)
    }
    expect(crowding.background).toBe(0)
    for (let i = 0; i < 20; i++) crowding.started(5_000 + i, 20)
    expect(Array.from({ length: 12 }, () => refuse(crowding, 5_040, 5_000, 19)).at(-1)).not.toBe("luck")
  })

  it("say nothing of a step up where calls within the last cut were refused too, and do where none was", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 20; i++) crowding.started(0, 20)
    crowding.refused(40, 0, crowding.judge(0, true), 19)
    expect(crowding.judge(100, true), "the first step").toBe("crowded")
    for (const atMs of [1_000, 2_000]) {
      serve(crowding, 20, atMs)
      crowding.refused(atMs + 40, atMs, crowding.judge(atMs, false), 8, true)
    }
    expect(crowding.judge(3_000, true)).toBe("luck")
  })

  it("are in a row, and then neither luck nor places, where the first to leave after each is refused too", () => {
    const crowding = new Crowding()
    serve(crowding, 400)
    const rows = Array.from({ length: 9 }, (_, i) => {
      // Others leave right after it.
      for (let left = 0; left < 5; left++) crowding.started(1_000 + 100 * i + left, 20)
      const isRow = crowding.isRow(1_000 + 100 * i)
      for (let left = 0; left < 3; left++) refuse(crowding, 1_050 + 100 * i, 1_000 + 100 * i + left, 20)
      return isRow
    })
    expect(rows).toEqual([false, false, false, false, false, false, false, true, true])
    crowding.started(2_000, 20)
    crowding.started(2_300, 20)
    expect(crowding.isRow(2_300), "the first was let through").toBe(false)
  })

  it("are counted in a row from the first of them", () => {
    const crowding = new Crowding()
    serve(crowding, 40)
    const rows = Array.from({ length: 4 }, (_, i) => {
      const sentMs = 1_000 + 50 * i
      crowding.started(sentMs, 20)
      const row = crowding.rowWith(sentMs)
      refuse(crowding, sentMs + 40, sentMs, 20)
      return row
    })
    expect(rows).toEqual([1, 2, 3, 4])
  })

  it("of one burst are no row", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 40; i++) crowding.started(0, i)
    for (let i = 0; i < 20; i++) {
      expect(crowding.isRow(0)).toBe(false)
      refuse(crowding, 40 + i, 0, 20)
    }
  })

  it("cannot mean places where more ran lately and were served", () => {
    const crowding = new Crowding()
    crowding.served(1_000, 900, 40)
    expect([crowding.mayBeShort(2_000, 10), crowding.mayBeShort(2_000, 35), crowding.mayBeShort(90_000, 10)]).toEqual([
      false,
      true,
      true,
    ])
  })
})
