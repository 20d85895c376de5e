import { VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import pLimit from "p-limit"
import { expect, it } from "vitest"
import { parallelMap } from "../../src/map/parallel-map.ts"
import { sleep } from "../../src/runtime/sleep.ts"

const drawn = fc.record({
  durations: fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 }),
  concurrency: fc.integer({ min: 1, max: 8 }),
  later: fc.record({ atMs: fc.integer({ min: 1, max: 100 }), concurrency: fc.integer({ min: 1, max: 8 }) }),
})

/** When each item began and ended, in milliseconds. */
async function timesOf(
  durations: readonly number[],
  run: (work: (index: number) => Promise<void>, clock: VirtualClock) => Promise<unknown>,
): Promise<(readonly [number, number])[]> {
  const clock = new VirtualClock()
  const times: (readonly [number, number])[] = []
  const work = async (index: number): Promise<void> => {
    const began = clock.now()
    await sleep(clock, durations[index]!)
    times[index] = [began, clock.now()]
  }
  await clock.run(run(work, clock))
  return times
}

it("parallelMap starts every item when p-limit alone would, also when the number changes on the way", async () => {
  await fc.assert(
    fc.asyncProperty(drawn, async ({ durations, concurrency, later }) => {
      const indexes = durations.map((_, index) => index)
      const own = await timesOf(durations, (work, clock) => {
        const map = parallelMap(indexes, work, { concurrency, clock })
        clock.setTimer(later.atMs, () => (map.concurrency = later.concurrency))
        return Array.fromAsync(map)
      })
      const theirs = await timesOf(durations, (work, clock) => {
        const limit = pLimit(concurrency)
        clock.setTimer(later.atMs, () => (limit.concurrency = later.concurrency))
        return Promise.all(indexes.map((index) => limit(work, index)))
      })
      expect(own).toEqual(theirs)
    }),
    { numRuns: 200 },
  )
})
