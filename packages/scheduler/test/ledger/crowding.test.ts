import { describe, expect, it } from "vitest"
import { type Crowd, Crowding } from "../../src/ledger/crowding.ts"

/** One more refusal. */
function refuse(crowding: Crowding, nowMs: number, sentMs: number, running: number): Crowd {
  const crowd = crowding.judge(sentMs, false)
  crowding.refused(nowMs, crowd, running)
  return crowd
}

/** So many calls leave, and are served. */
function serve(crowding: Crowding, count: number, atMs = 0): void {
  for (let i = 0; i < count; i++) {
    crowding.started(10)
    crowding.served(atMs, atMs, 10)
  }
}

describe("refusals for want of capacity", () => {
  it("are bad luck while few of those who left are refused", () => {
    const crowding = new Crowding()
    for (let round = 0; round < 50; round++) {
      serve(crowding, 19)
      crowding.started(10)
      expect(refuse(crowding, round, round, 9)).toBe("luck")
    }
  })

  it("are bad luck also where they come back before any answer does", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 500; i++) crowding.started(i)
    for (let i = 0; i < 5; i++) expect(refuse(crowding, 40, 0, 490)).toBe("luck")
  })

  it("mean places that are taken when many are refused: a burst counts once", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 20; i++) crowding.started(i)
    const kinds = Array.from({ length: 8 }, () => refuse(crowding, 40, 0, 12))
    expect(kinds).toEqual(["luck", "luck", "luck", "crowded", "burst", "burst", "burst", "burst"])
    expect(refuse(crowding, 100, 60, 12), "it left after the cut").toBe("crowded")
    expect(crowding.served(60, 60, 1), "others ran all the time").toBe(false)
  })

  it("mean a server that was down when also a call that is alone was refused, until one is served", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 8; i++) crowding.started(i)
    for (let left = 7; left >= 0; left--) refuse(crowding, 40, 0, left)
    expect(crowding.served(20, 20, 1), "it left before the trouble").toBe(false)
    expect(crowding.served(1_000, 1_000, 1)).toBe(true)
    expect(refuse(crowding, 1_100, 1_050, 8), "what was refused then says nothing now").toBe("luck")
  })

  it("among them failures of every kind: an outage when many of those who left fail, however soon they come back", () => {
    const crowding = new Crowding()
    for (let i = 0; i < 500; i++) crowding.started(i)
    for (let i = 0; i < 15; i++) expect(crowding.failed(), "three of a hundred").toBe(false)
    const down = new Crowding()
    for (let i = 0; i < 20; i++) down.started(i)
    expect(Array.from({ length: 5 }, () => down.failed()).at(-1)).toBe(true)
  })

  it("mean places at once where the last step up may have been one too many", () => {
    const crowding = new Crowding()
    serve(crowding, 40)
    expect([crowding.judge(1_000, false), crowding.judge(1_000, true)]).toEqual(["luck", "crowded"])
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
