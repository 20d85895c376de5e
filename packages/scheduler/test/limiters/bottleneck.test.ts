import type { Permit } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import Bottleneck from "bottleneck"
import { getEventListeners } from "node:events"
import { describe, expect, it } from "vitest"
import { bottleneckLimiter } from "../../src/limiters/bottleneck.ts"
import { parallelMap } from "../../src/map/parallel-map.ts"

/** Bottleneck's own timers are real and take a few milliseconds: waits here are for events, never for a time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe("bottleneckLimiter", () => {
  it("gives permits within maxConcurrent, and a settled one goes to the next", async () => {
    const bottleneck = new Bottleneck({ maxConcurrent: 2 })
    const limiter = bottleneckLimiter(bottleneck)
    const got: Permit[] = []
    for (let i = 0; i < 3; i++) void limiter.admit().then((permit) => got.push(permit))
    await until(() => bottleneck.counts().EXECUTING === 2 && bottleneck.counts().QUEUED === 1)
    expect(got).toHaveLength(2)
    got[0]!.settle({ outcome: "success" })
    got[0]!.settle({ outcome: "success" })
    await until(() => got.length === 3)
    for (const permit of got) permit.settle({ outcome: "ignored" })
    await until(() => bottleneck.empty() && bottleneck.counts().EXECUTING === 0)
  })

  it("bounds a parallelMap, whose items are each admitted", async () => {
    const limiter = bottleneckLimiter(new Bottleneck({ maxConcurrent: 3 }), { maxConcurrent: 3 })
    let running = 0
    let most = 0
    const fn = async (n: number): Promise<number> => {
      most = Math.max(most, ++running)
      await until(() => most >= 3)
      running--
      return n
    }
    const outcomes = await Array.fromAsync(parallelMap([1, 2, 3, 4, 5, 6, 7], fn, { limiter }))
    expect(outcomes).toHaveLength(7)
    expect(most).toBe(3)
  })

  it("lends its place to nested maps", async () => {
    const limiter = bottleneckLimiter(new Bottleneck({ maxConcurrent: 1 }), { maxConcurrent: 1 })
    const inner = (n: number): Promise<unknown[]> => Array.fromAsync(parallelMap([n, n], async (m) => m, { limiter }))
    const outcomes = await Array.fromAsync(parallelMap([1, 2], inner, { limiter, concurrency: 2 }))
    expect(outcomes.map((each) => each.status)).toEqual(["ok", "ok"])
  })

  it("an abort ends the wait at once; the abandoned job takes its turn and harms nobody", async () => {
    const bottleneck = new Bottleneck({ maxConcurrent: 1 })
    const limiter = bottleneckLimiter(bottleneck)
    const permit = await limiter.admit()
    const controller = new AbortController()
    const left = limiter.admit({}, { signal: controller.signal })
    const next = limiter.admit()
    const reason = { why: "left" }
    controller.abort(reason)
    await expect(left).rejects.toBe(reason)
    await expect(limiter.admit({}, { signal: controller.signal })).rejects.toBe(reason)
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0)
    permit.settle({ outcome: "success" })
    ;(await next).settle({ outcome: "success" })
    await until(() => bottleneck.counts().EXECUTING === 0 && bottleneck.empty())
  })

  it("fails when the deadline passes", async () => {
    const clock = new VirtualClock()
    const limiter = bottleneckLimiter(new Bottleneck({ maxConcurrent: 1 }), { clock })
    const permit = await limiter.admit()
    const late = expect(limiter.admit({}, { maxWaitMs: 50 })).rejects.toMatchObject({ code: "deadline-unreachable" })
    await clock.advance(50)
    await late
    permit.settle({ outcome: "success" })
    expect(clock.pending).toBe(0)
  })

  it("dropped jobs reject, also where Bottleneck would keep silent", async () => {
    const options = { maxConcurrent: 1, highWater: 1, strategy: Bottleneck.strategy.LEAK }
    for (const rejectOnDrop of [true, false]) {
      const bottleneck = new Bottleneck({ ...options, rejectOnDrop })
      const limiter = bottleneckLimiter(bottleneck)
      const permit = await limiter.admit()
      const ends: unknown[] = []
      const calls = [1, 2, 3].map((n) =>
        limiter.admit().then(
          (got) => (ends.push(n), got.settle({ outcome: "success" })),
          (error: { code: string }) => ends.push(`${n} ${error.code}`),
        ),
      )
      await until(() => ends.length === 2)
      permit.settle({ outcome: "success" })
      await Promise.all(calls)
      expect(ends.filter((end) => String(end).endsWith("queue-full"))).toHaveLength(2)
    }
  })

  it("a stopped limiter rejects", async () => {
    const bottleneck = new Bottleneck({ maxConcurrent: 1 })
    const limiter = bottleneckLimiter(bottleneck)
    await bottleneck.stop()
    await expect(limiter.admit()).rejects.toMatchObject({ code: "limiter-closed" })
  })

  it("what can never fit fails at once", async () => {
    const weigh = ({ requests = 1 }): number => requests
    const told = bottleneckLimiter(new Bottleneck({ maxConcurrent: 2 }), { weigh, maxConcurrent: 2 })
    await expect(told.admit({ requests: 3 })).rejects.toMatchObject({ code: "cost-exceeds-limit" })
    const untold = bottleneckLimiter(new Bottleneck({ maxConcurrent: 2 }), { weigh })
    await expect(untold.admit({ requests: 3 })).rejects.toMatchObject({ code: "cost-exceeds-limit" })
    await expect(told.admit({ requests: 0.5 })).rejects.toMatchObject({ code: "invalid-option" })
  })

  it("a raw admit inside a task that holds it fails at once, when maxConcurrent is told", async () => {
    const limiter = bottleneckLimiter(new Bottleneck({ maxConcurrent: 1 }), { maxConcurrent: 1 })
    const map = parallelMap([1], () => limiter.admit(), { limiter, onError: "collect" })
    expect(await Array.fromAsync(map)).toMatchObject([{ status: "failed", error: { code: "limiter-reentry" } }])
  })

  it("row 5: after a throttle nobody gets in before the vendor's time", async () => {
    const clock = new VirtualClock()
    const limiter = bottleneckLimiter(new Bottleneck({ maxConcurrent: 5 }), { clock })
    const [first, second] = await Promise.all([limiter.admit(), limiter.admit()])
    second.settle({ outcome: "success" })
    first.settle({ outcome: "throttled", reason: "rate", retryAfterMs: 90_000 })
    let inAt = -1
    const next = limiter.admit().then((permit) => {
      inAt = clock.now()
      permit.settle({ outcome: "success" })
    })
    await until(() => clock.pending === 1)
    await clock.advance(89_999)
    expect(inAt).toBe(-1)
    await clock.run(next)
    expect(inAt).toBe(90_000)
  })

  it("never answers tryAdmit", () => {
    expect(bottleneckLimiter(new Bottleneck()).tryAdmit()).toBeUndefined()
  })
})
