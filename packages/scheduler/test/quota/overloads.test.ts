import { describe, expect, it } from "vitest"
import { Overloads } from "../../src/quota/overloads.ts"

/** So many calls leave, and are served. */
function serve(overloads: Overloads, count: number, atMs = 0): void {
  for (let i = 0; i < count; i++) {
    overloads.started(10)
    overloads.served(atMs)
  }
}

describe("refusals for want of capacity", () => {
  it("are bad luck while few of those who left are refused", () => {
    const overloads = new Overloads()
    for (let round = 0; round < 50; round++) {
      serve(overloads, 19)
      overloads.started(10)
      expect(overloads.refused(round, round, 9)).toBe("luck")
    }
  })

  it("are bad luck also where they come back before any answer does", () => {
    const overloads = new Overloads()
    for (let i = 0; i < 500; i++) overloads.started(i)
    for (let i = 0; i < 5; i++) expect(overloads.refused(40, 0, 490)).toBe("luck")
  })

  it("mean places that are taken when many are refused: a burst counts once", () => {
    const overloads = new Overloads()
    for (let i = 0; i < 20; i++) overloads.started(i)
    const kinds = Array.from({ length: 8 }, () => overloads.refused(40, 0, 12))
    expect(kinds).toEqual(["luck", "luck", "luck", "crowded", "burst", "burst", "burst", "burst"])
    expect(overloads.refused(100, 60, 12), "it left after the cut").toBe("crowded")
    expect(overloads.served(60), "others ran all the time").toBe(false)
  })

  it("mean a server that was down when also a call that is alone was refused, until one is served", () => {
    const overloads = new Overloads()
    for (let i = 0; i < 8; i++) overloads.started(i)
    for (let left = 7; left >= 0; left--) overloads.refused(40, 0, left)
    expect(overloads.served(20), "it left before the trouble").toBe(false)
    expect(overloads.served(1_000)).toBe(true)
    expect(overloads.refused(1_100, 1_050, 8), "what was refused then says nothing now").toBe("luck")
  })

  it("among them failures of every kind: an outage when many of those who left fail, however soon they come back", () => {
    const overloads = new Overloads()
    for (let i = 0; i < 500; i++) overloads.started(i)
    for (let i = 0; i < 15; i++) expect(overloads.failed(), "three of a hundred").toBe(false)
    const down = new Overloads()
    for (let i = 0; i < 20; i++) down.started(i)
    expect(Array.from({ length: 5 }, () => down.failed()).at(-1)).toBe(true)
  })
})
