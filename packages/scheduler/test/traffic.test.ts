import { randomTraffic, simulate } from "@sluice/lab"
import { describe, expect, it } from "vitest"

const draws = process.env["SLUICE_LONG"] ? 10_000 : 1_000

/** Draws that are known to break a promise; each that is mended goes. */
const known: Readonly<Record<"hang" | "lost" | "left", readonly number[]>> = {
  hang: [],
  lost: [],
  left: [],
}

// `pnpm bench:traffic` prints the figures, `pnpm bench:traffic --only SEED` one draw in full.
describe("traffic of every shape against vendors drawn at random", () => {
  it(`${draws} draws: nothing hangs, nothing is lost at a clean vendor, nothing is left behind, nothing answered twice`, async () => {
    const broken: Record<"hang" | "lost" | "left" | "repeated", number[]> = {
      hang: [],
      lost: [],
      left: [],
      repeated: [],
    }
    for (let seed = 1; seed <= draws; seed++) {
      const { shape, vendor, options, kinds } = randomTraffic(seed)
      const { hungAtMs, lost, lostBy, left, repeated } = await simulate(shape, vendor, options)
      const isSettled = lostBy["unsettled"] === undefined
      if (hungAtMs !== undefined) broken.hang.push(seed)
      if (lost > 0 && kinds.rough.length === 0) broken.lost.push(seed)
      if (isSettled && Object.values(left).some((count) => count !== 0)) broken.left.push(seed)
      if (repeated > 0) broken.repeated.push(seed)
    }
    const fresh = (name: keyof typeof known): number[] => broken[name].filter((seed) => !known[name].includes(seed))
    expect({ hang: fresh("hang"), lost: fresh("lost"), left: fresh("left"), repeated: broken.repeated }).toEqual({
      hang: [],
      lost: [],
      left: [],
      repeated: [],
    })
  }, 120_000)
})
