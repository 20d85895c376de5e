import { SluiceError } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { semaphore, throttle } from "../../src/index.ts"

it("holds each call of a function back until the quota admits it, in order", async () => {
  const clock = new VirtualClock()
  const quota = awakeQuota({ requestsPerMinute: { limit: 60, kind: "bucket", burst: 1 }, clock })
  const atMs: number[] = []
  const square = throttle((n: number) => {
    atMs.push(Math.round(clock.now() / 1000))
    return n * n
  }, quota)
  expect(await clock.run(Promise.all([1, 2, 3, 4].map((n) => square(n))))).toEqual([1, 4, 9, 16])
  expect(atMs).toEqual([0, 1, 2, 3])
  expect(quota.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 })
})

it("takes what a call costs, gives its permit back when it throws, and keeps `this` out of it", async () => {
  const clock = new VirtualClock()
  const quota = awakeQuota({ tokensPerMinute: { limit: 60, kind: "bucket" }, clock })
  const embed = throttle(async (text: string) => text.length, {
    limiter: quota,
    cost: (text) => ({ inputTokens: text.length }),
  })
  await clock.run(embed("x".repeat(60)))
  const second = embed("x".repeat(30))
  await clock.run(second)
  expect(clock.now()).toBeGreaterThan(29_000)

  const one = semaphore({ limit: 1 })
  const failing = throttle((fails: boolean) => {
    if (fails) throw new Error("mine")
    return "ok"
  }, one)
  await expect(failing(true)).rejects.toThrow("mine")
  expect(await failing(false)).toBe("ok")
})

it("refuses what is no limiter", () => {
  expect(() => throttle(() => {}, {} as never)).toThrow(SluiceError)
  expect(() => throttle(() => {}, { limiter: semaphore({ limit: 1 }), costs: () => ({}) } as never)).toThrow(
    /unknown option "costs"\. Did you mean "cost"\?/,
  )
})
