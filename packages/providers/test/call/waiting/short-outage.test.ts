import { seededRandom } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { bench, completion, openaiError } from "../../fake-vendor.ts"

/** A vendor that answers 503 until `backMs`, and 200 from then on. */
const backAfter = (backMs: number, seed: number, options = {}): ReturnType<typeof bench> =>
  bench((_n, { atMs }) => (atMs < backMs ? openaiError(503, "overloaded") : completion()), {
    requestsPerMinute: 600,
    random: seededRandom(seed),
    ...options,
  })

// Six attempts last for 15.5 s at least, whatever is drawn: a vendor that is gone for less loses nobody a call.
describe("a vendor that is gone for a moment, and names no delay", () => {
  it("four calls after each other all end within 15 s when it is back after 4 s, 200 times of 200", async () => {
    const tookMs: number[] = []
    for (let seed = 1; seed <= 200; seed++) {
      const { clock, chat } = backAfter(4_000, seed)
      const statuses = await clock.run(
        (async () => {
          const all: number[] = []
          for (let call = 0; call < 4; call++) all.push((await chat()).status)
          return all
        })(),
      )
      expect(statuses, `seed ${seed}`).toEqual([200, 200, 200, 200])
      tookMs.push(clock.now())
    }
    expect(Math.max(...tookMs)).toBeLessThan(15_000)
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(4_000)
  })

  it("a single call outlasts 15 s, 200 times of 200", async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { clock, chat, sent } = backAfter(15_000, seed)
      expect((await clock.run(chat())).status, `seed ${seed}`).toBe(200)
      expect(sent.length).toBeLessThanOrEqual(6)
    }
  })

  it("50 processes that lost their call in the same moment do not come back in the same one", async () => {
    const returnsMs: number[][] = []
    for (let seed = 1; seed <= 50; seed++) {
      const { clock, chat, sent } = backAfter(60_000, seed)
      await clock.run(chat())
      returnsMs.push(sent.map(({ atMs }) => atMs))
    }
    // Half of each wait is drawn: the second attempts spread over half a second, the last ones over many.
    for (const [attempt, leastSpreadMs, mostAtOnce] of [
      [1, 400, 20],
      [2, 1_000, 10],
      [3, 2_000, 8],
      [5, 6_000, 5],
    ] as const) {
      const times = returnsMs.map((one) => one[attempt]!)
      expect(Math.max(...times) - Math.min(...times), `attempt ${attempt + 1}`).toBeGreaterThan(leastSpreadMs)
      const within100 = times.map((time) => times.filter((other) => other >= time && other < time + 100).length)
      expect(Math.max(...within100), `attempt ${attempt + 1}`).toBeLessThanOrEqual(mostAtOnce)
    }
  })
})
