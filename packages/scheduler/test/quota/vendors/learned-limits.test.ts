import type { Settlement, LimitReading } from "@sluice/core"
import { awakeQuota, seededRandom, VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import type { Quota, QuotaOptions } from "../../../src/index.ts"

function setUp(options: QuotaOptions = {}): { clock: VirtualClock; quota: Quota } {
  const clock = new VirtualClock({ startMs: 1_000 })
  return { clock, quota: awakeQuota({ clock, random: seededRandom(1), ...options }) }
}

const refused = (limits: readonly LimitReading[]): Settlement => ({
  outcome: "throttled",
  reason: "rate",
  actual: { requests: 1 },
  limits,
})

describe("a 429 with headers and no delay, heard first, nothing told", () => {
  const firsts: readonly (readonly [string, LimitReading, number])[] = [
    ["60 a minute", { dimension: "requests", limit: 60, remaining: 0, resetMs: 1_000 }, 1_200],
    ["3 a minute", { dimension: "requests", limit: 3, remaining: 0, resetMs: 20_000 }, 20_200],
    ["5 a minute, full again in 2 s", { dimension: "requests", limit: 5, remaining: 0, resetMs: 2_000 }, 2_200],
  ]
  for (const [name, reading, boundMs] of firsts) {
    it(`${name}: the next call waits for the limit that the answer named`, async () => {
      const { clock, quota } = setUp()
      const permit = await quota.admit()
      await clock.advance(30)
      permit.settle(refused([reading]))
      await clock.run(quota.admit())
      expect(clock.now() - 1_030).toBeLessThanOrEqual(boundMs)
    })
  }

  it("ten at once: all of them are through in the time that the limit allows", async () => {
    const { clock, quota } = setUp()
    const reading: LimitReading = { dimension: "requests", limit: 60, remaining: 0, resetMs: 1_000 }
    const first = await quota.admit()
    const others = Array.from({ length: 10 }, async () => (await quota.admit()).settle({ outcome: "success" }))
    first.settle(refused([reading]))
    await clock.run(Promise.all(others))
    expect(clock.now() - 1_000).toBeLessThanOrEqual(11_000)
  })
})

describe("a limit is one limit, however it became known", () => {
  const headers = (limit: number): Settlement => ({
    outcome: "success",
    limits: [{ dimension: "requests", limit, remaining: limit - 1 }],
  })

  it("learned and then told: the number told is kept and goes on hearing", async () => {
    const { quota } = setUp()
    ;(await quota.admit()).settle(headers(600))
    quota.retune({ requestsPerMinute: 300 })
    expect(quota.snapshot().limits.map(({ dimension, windowMs, limit }) => [dimension, windowMs, limit])).toEqual([
      ["requests", 60_000, 300],
    ])
    ;(await quota.admit()).settle(headers(120))
    expect(quota.snapshot().limits).toMatchObject([{ limit: 120 }])
  })

  it("learned and then told how it is counted: counts so, at the level that it has", async () => {
    const { clock, quota } = setUp()
    ;(await quota.admit()).settle({ outcome: "success", limits: [{ dimension: "requests", limit: 600, remaining: 9 }] })
    quota.retune({ requestsPerMinute: { limit: 600, kind: "sliding" } })
    expect(quota.snapshot().limits).toMatchObject([{ name: "requestsPerMinute", kind: "sliding", level: 9 }])
    await clock.run(Promise.all(Array.from({ length: 9 }, () => quota.admit())))
    expect(quota.tryAdmit()).toBeUndefined()
  })

  it("learned of a day", async () => {
    const { quota } = setUp()
    const day = {
      dimension: "requests",
      limit: 1_000,
      remaining: 999,
      windowMs: 86_400_000,
      resetMs: 3_600_000,
    } as const
    ;(await quota.admit()).settle({ outcome: "success", limits: [day] })
    quota.retune({ requestsPerDay: 500 })
    expect(quota.snapshot().limits.filter(({ windowMs }) => windowMs === 86_400_000)).toMatchObject([{ limit: 500 }])
  })

  it("a vendor that limits growth does not hide one told for the same window", async () => {
    const { quota } = setUp({ requestsPerMinute: { limit: 50, windowMs: 10_000 } })
    ;(await quota.admit()).settle({ outcome: "throttled", reason: "ramp" })
    quota.retune({ requestsPerMinute: 40 })
    expect(quota.snapshot().limits.map(({ name, limit }) => [name, name === "growth" ? 0 : limit])).toEqual([
      ["requestsPerMinute", 40],
      ["growth", 0],
    ])
  })

  it("told twice under two names is a mistake, and says which", () => {
    expect(() => setUp({ requestsPerSecond: 5, requestsPerMinute: { limit: 5, windowMs: 1_000 } })).toThrow(
      /requestsPerSecond and requestsPerMinute.*1 s/,
    )
  })
})

describe("a 429 that names tokens, where only requests are told, or the other way round", () => {
  const cost = { inputTokens: 1_000, outputTokens: 200 }
  for (const [told, dimension] of [
    [{ requestsPerMinute: 600 }, "tokens"],
    [{ tokensPerMinute: 720_000 }, "requests"],
  ] as const) {
    it(`is no refusal of ${Object.keys(told)[0]}: a rate of ${dimension} is looked for`, async () => {
      const events: { type: string; dimension?: string; observed?: string }[] = []
      const { clock, quota } = setUp({ ...told, onEvent: (event) => void events.push(event) })
      // The first refusal measures nothing: all that passed before may have stood ready.
      for (const count of [30, 15]) {
        for (let i = 0; i < count; i++) {
          const permit = await clock.run(quota.admit(cost))
          await clock.advance(50)
          permit.settle({ outcome: "success", actual: cost })
        }
        const permit = await clock.run(quota.admit(cost))
        await clock.advance(50)
        permit.settle({ outcome: "throttled", reason: "rate", dimension, actual: { requests: 0 } })
      }
      const changed = events.filter(({ type }) => type === "limit-change").map((event) => event.dimension)
      expect(changed).toEqual([`${dimension} per minute`])
      expect(events.findLast(({ type }) => type === "throttle")?.observed).toMatch(`${dimension} a minute`)
      const [first, found] = quota.snapshot().limits
      expect(first).toMatchObject({ name: Object.keys(told)[0], limit: Object.values(told)[0] })
      expect(found!.limit).toBeGreaterThan(dimension === "tokens" ? 18_000 : 15)
    })
  }
})

describe("a refusal of requests, which are told, and then one of tokens, which are not", () => {
  it("measures no rate of tokens: the pause between them was for requests", async () => {
    const changed: string[] = []
    const onEvent = (event: { type: string; dimension?: string }): void => {
      if (event.type === "limit-change") changed.push(event.dimension!)
    }
    const { clock, quota } = setUp({ requestsPerMinute: 600, onEvent })
    const cost = { inputTokens: 1_000 }
    for (const dimension of ["requests", "tokens", "tokens"] as const) {
      expect(changed).not.toContain("tokens per minute")
      for (let i = 0; i < 5; i++) (await clock.run(quota.admit(cost))).settle({ outcome: "success", actual: cost })
      const permit = await clock.run(quota.admit(cost))
      await clock.advance(50)
      permit.settle({ outcome: "throttled", reason: "rate", dimension, retryAfterMs: 5_000, actual: { requests: 0 } })
    }
    expect(changed).toContain("tokens per minute")
  })
})

describe("a limit of 0", () => {
  it("ends the queue after one call, with an error that says so", async () => {
    const { clock, quota } = setUp()
    const first = await quota.admit()
    const others = Array.from({ length: 20 }, () => quota.admit())
    const sent = Promise.allSettled(others)
    first.settle({
      outcome: "throttled",
      message: "Quota exceeded, limit: 0",
      reason: "rate",
      limits: [{ dimension: "requests", limit: 0, remaining: 0 }],
      retryAfterMs: 20_000,
    })
    for (const end of await clock.run(sent)) {
      if (end.status === "fulfilled") continue
      expect(end.reason).toMatchObject({ code: "quota-exhausted", message: expect.stringContaining("is 0") as string })
    }
    await expect(quota.admit()).rejects.toMatchObject({ code: "quota-exhausted" })
  })

  it("named beside an answer that was served is no limit", async () => {
    const { quota } = setUp()
    ;(await quota.admit()).settle({ outcome: "success", limits: [{ dimension: "requests", limit: 0, remaining: 0 }] })
    await expect(quota.admit()).resolves.toBeDefined()
  })
})

describe("a permit that sends no request", () => {
  const closed = async (limit = 600): Promise<{ clock: VirtualClock; quota: Quota }> => {
    const clock = new VirtualClock({ startMs: 1_000, settles: "promises" })
    const { quota } = setUp({
      clock,
      concurrency: 8,
      requestsPerMinute: { limit, kind: "bucket" },
      budgetUsd: 5,
    })
    const permit = await quota.admit()
    permit.settle({ outcome: "throttled", reason: "rate", retryAfterMs: 5_000 })
    return { clock, quota }
  }

  // Money ahead and places that come back end so; that it ends well says nothing of the vendor.
  const ends: readonly Settlement[] = [
    { outcome: "ignored" },
    { outcome: "success" },
    { outcome: "success", actual: { requests: 0, usd: 0.001 }, latency: { totalMs: 5, outputTokens: 10 } },
    { outcome: "failed" },
  ]
  for (const end of ends) {
    const told = JSON.stringify(end)

    it(`passes a closed gate, and neither opens it nor counts as its probe: ${told}`, async () => {
      const { clock, quota } = await closed()
      const money = await quota.admit({ requests: 0, usd: 1 })
      expect(clock.now()).toBe(1_000)
      const { gate } = quota.snapshot()
      expect(gate.state).toBe("closed")
      money.settle(end)
      for (let i = 0; i < 20; i++) (await quota.admit({ requests: 0 }, { place: false })).settle(end)
      expect(quota.snapshot().gate).toEqual(gate)
      // Its time is over, and nobody who sends anything has come: still no probe.
      await clock.advance(5_200)
      for (let i = 0; i < 20; i++) (await quota.admit({ requests: 0 })).settle(end)
      const admittedMs: number[] = []
      const crowd = Array.from({ length: 5 }, async () => {
        await quota.admit()
        admittedMs.push(clock.now())
      })
      await clock.advance(0)
      expect(admittedMs).toHaveLength(1)
      // One probe is on its way, and nothing else ends for it.
      for (let i = 0; i < 20; i++) (await quota.admit({ requests: 0 })).settle(end)
      await clock.advance(0)
      expect(admittedMs).toHaveLength(1)
      expect(quota.snapshot().gate.state).toBe("ramping")
      await clock.run(Promise.all(crowd))
    })

    it(`makes the ramp no faster, beside it and as it is over: ${told}`, async () => {
      const rampMs = async (beside: boolean): Promise<number[]> => {
        const { clock, quota } = await closed(60_000)
        const admittedMs: number[] = []
        const crowd = Array.from({ length: 40 }, async () => {
          const permit = await quota.admit({}, { place: false })
          admittedMs.push(Math.round(clock.now()))
          await new Promise<void>((resolve) => void clock.setTimer(300, resolve))
          permit.settle({ outcome: "success" })
        })
        let isOver = false
        const all = Promise.all(crowd).then(() => (isOver = true))
        while (beside && !isOver && clock.now() < 60_000) {
          ;(await quota.admit({ requests: 0 }, { place: false })).settle(end)
          await clock.advance(50)
        }
        await clock.run(all)
        return admittedMs
      }
      expect(await rampMs(true)).toEqual(await rampMs(false))
    })
  }

  it("does not wait behind those whom the gate holds back", async () => {
    const { clock, quota } = await closed()
    const crowd = [quota.admit(), quota.admit()]
    await clock.run(quota.admit({ requests: 0, usd: 1 }))
    expect(clock.now()).toBe(1_000)
    await clock.run(Promise.all(crowd))
  })

  it("says nothing of the vendor when it ends well", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: 6_000 })
    // A first wave of ten, which only answers may widen.
    const held = await Promise.all(Array.from({ length: 10 }, () => quota.admit()))
    for (let i = 0; i < 100; i++) (await quota.admit({ requests: 0 })).settle({ outcome: "success" })
    expect(quota.tryAdmit()).toBeUndefined()
    for (const permit of held) permit.settle({ outcome: "success" })
    await clock.advance(0)
  })
})
