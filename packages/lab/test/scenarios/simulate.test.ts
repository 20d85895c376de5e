import type { Limiter, Permit } from "@sluice/core"
import { describe, expect, it } from "vitest"
import {
  randomTraffic,
  simulate,
  type SimulatedLimiter,
  type TrafficShape,
  type TrafficStream,
} from "../../src/index.ts"

const stream = (more: Partial<TrafficStream>): TrafficStream => ({
  calls: 20,
  arrivals: { kind: "bursts", size: 20, everyMs: 0 },
  inputTokens: 100,
  outputTokens: 50,
  ...more,
})
const shape = (...streams: TrafficStream[]): TrafficShape => ({ name: "test", streams })
const batch = shape(stream({}))
const oneByOne = shape(stream({ arrivals: { kind: "workers", workers: 1 } }))
const vendor = { limits: { requests: { limit: 60, burst: 1 } }, latency: { baseMs: 100, perOutputTokenMs: 1 } }

const free: Permit = { settle: () => undefined }
const limiterOf = (admit: Limiter["admit"], more: Partial<SimulatedLimiter> = {}): SimulatedLimiter => ({
  admit,
  tryAdmit: () => undefined,
  ...more,
})

describe("simulate", () => {
  it("measures what the limits themselves make necessary as no added wait: a second between two calls", async () => {
    const report = await simulate(batch, vendor, {
      told: { requestsPerMinute: { limit: 60, kind: "bucket", burst: 1 } },
    })
    expect(report).toMatchObject({ answered: 20, lost: 0, refused: 0, repeated: 0, hungAtMs: undefined })
    // 19 s of pace, 150 ms of work, 40 ms of network.
    expect(report.oracleMs).toBeCloseTo(19_190, 0)
    expect(report.ratio).toBeLessThan(1.02)
    expect(report.left).toEqual({ inFlight: 0, waiting: 0, listeners: 0, timers: 0 })
  })

  it("a told limit below the vendor's is the oracle's too", async () => {
    const { oracleMs, ratio } = await simulate(
      oneByOne,
      { ...vendor, limits: { requests: 600 } },
      { told: { requestsPerMinute: { limit: 6, kind: "bucket" } } },
    )
    // Six stand ready, fourteen come every ten seconds.
    expect(oracleMs).toBeCloseTo(140_190, 0)
    expect(ratio).toBeLessThan(1.05)
  })

  it("sees who lets everything through: refused again and again, and in the end lost", async () => {
    const report = await simulate(batch, vendor, { limiter: () => limiterOf(async () => free) })
    expect(report.answered).toBe(1)
    expect(report.lostBy).toEqual({ refused: 19 })
    expect(report.refused).toBe(19 * 21)
  })

  it("sees a limiter that nothing will wake", async () => {
    let admitted = 0
    const limiter = (): SimulatedLimiter =>
      limiterOf(() => (admitted++ < 3 ? Promise.resolve(free) : new Promise<Permit>(() => undefined)))
    const report = await simulate(oneByOne, { ...vendor, limits: {} }, { limiter })
    expect(report.answered).toBe(3)
    expect(report.hungAtMs).toBeGreaterThan(400)
    expect(report.lostBy).toEqual({ unsettled: 17 })
  })

  it("takes a wait with a timer, or beside a call in flight, for no hang", async () => {
    const slow = await simulate(oneByOne, vendor, {
      limiter: ({ clock }) =>
        limiterOf(() => new Promise((resolve) => void clock.setTimer(5_000, () => resolve(free)))),
    })
    expect(slow).toMatchObject({ answered: 20, hungAtMs: undefined })
    expect(slow.addedMs.p50).toBeGreaterThan(3_900)
  })

  it("takes the network's jitter for nobody's wait", async () => {
    const { addedMs, answered } = await simulate(oneByOne, { ...vendor, limits: {} }, { networkJitterMs: 100 })
    expect([answered, addedMs.max]).toEqual([20, 0])
  })

  it("counts what a limiter leaves behind: timers, listeners, permits", async () => {
    const { left } = await simulate(
      oneByOne,
      { ...vendor, limits: {} },
      {
        limiter: ({ clock }) =>
          limiterOf(
            async (_cost, options) => {
              clock.setTimer(1e9, () => undefined)
              options?.signal?.addEventListener("abort", () => undefined)
              return free
            },
            { snapshot: () => ({ inFlight: 3, waiting: 2 }) },
          ),
      },
    )
    expect(left).toEqual({ inFlight: 3, waiting: 2, listeners: 20, timers: 20 })
  })

  it("higher priorities go first, and their waits are told apart", async () => {
    const mixed = shape(
      stream({ calls: 30, arrivals: { kind: "bursts", size: 30, everyMs: 0 } }),
      stream({ calls: 3, arrivals: { kind: "poisson", perMinute: 10 }, priority: 10 }),
    )
    const queue: { readonly priority: number; readonly go: () => void }[] = []
    const { addedMsByPriority } = await simulate(mixed, vendor, {
      // A call a second, the least important first.
      limiter: ({ clock }) =>
        limiterOf((_cost, options) => {
          clock.setTimer((queue.length + 1) * 1_000, () => queue.toSorted((a, b) => a.priority - b.priority)[0]?.go())
          return new Promise((resolve) => {
            const entry = {
              priority: options?.priority ?? 0,
              go: () => {
                queue.splice(queue.indexOf(entry), 1)
                resolve(free)
              },
            }
            queue.push(entry)
          })
        }),
    })
    expect(addedMsByPriority[10]!.p50).toBeGreaterThan(1_000)
    expect(addedMsByPriority[10]!.p50).toBeGreaterThan(addedMsByPriority[0]!.p50)
  })

  it("calls that their callers give up are neither lost nor answered", async () => {
    const report = await simulate(shape(stream({ aborted: { share: 1, withinMs: 1_000 } })), vendor)
    expect(report.answered + report.aborted).toBe(20)
    expect(report.aborted).toBeGreaterThan(15)
    expect(report.lost).toBe(0)
    expect(report.left).toEqual({ inFlight: 0, waiting: 0, listeners: 0, timers: 0 })
  })

  it("a call that can never fit is impossible, not lost; a day's total that is gone exhausts the rest", async () => {
    const tooLarge = await simulate(shape(stream({ calls: 3, inputTokens: 5_000 })), {
      ...vendor,
      limits: { inputTokens: 1_000 },
    })
    expect(tooLarge).toMatchObject({ impossible: 3, lost: 0, answered: 0 })
    const spent = await simulate(oneByOne, { ...vendor, limits: { requestsPerDay: 5 } })
    expect(spent).toMatchObject({ answered: 5, exhausted: 15, lost: 0 })
  })

  it("a call whose answer takes longer than any attempt may is impossible, not lost", async () => {
    const slow = shape(stream({ calls: 3, outputTokens: 10_000 }), stream({ calls: 2 }))
    const report = await simulate(slow, { ...vendor, limits: {} }, { timeoutMs: 5_000 })
    expect(report).toMatchObject({ impossible: 3, lost: 0, answered: 2 })
  })

  it("tries again after faults and time-outs as limitedFetch does", async () => {
    const rates = { error500: 0.05, reset: 0.05, hang: 0.05, error503: 0.05 }
    const report = await simulate(
      shape(stream({ calls: 100 })),
      { ...vendor, limits: {}, faults: { rates } },
      { timeoutMs: 5_000 },
    )
    expect(report).toMatchObject({ answered: 100, lost: 0, repeated: 0, refused: 0 })
    expect(report.faulted).toBeGreaterThan(0)
    expect(report.truth.failed).toMatchObject({ error500: expect.any(Number), cancelled: expect.any(Number) })
  })

  it("passes on what the client's wire can carry, and no more", async () => {
    const heard: unknown[] = []
    const limiter = (): SimulatedLimiter => {
      const permit: Permit = { settle: (end) => void heard.push({ ...end, actual: undefined }) }
      return limiterOf(async () => permit)
    }
    const short = shape(stream({ calls: 2, arrivals: { kind: "bursts", size: 2, everyMs: 0 } }))
    const byWire = async (wire: "openai" | "azure" | "gemini" | "bare"): Promise<unknown[]> => {
      heard.length = 0
      await simulate(short, vendor, { limiter, wire })
      return heard.slice(0, 2)
    }
    expect(await byWire("openai")).toMatchObject([
      { retryAfterMs: 1000, reason: "rate", dimension: "requests" },
      {
        retryAfterMs: expect.any(Number),
        limits: [{ dimension: "requests", limit: 60, remaining: 0, resetMs: expect.any(Number) }],
      },
    ])
    expect((await byWire("azure"))[0]).toMatchObject({ limits: [{ dimension: "requests", limit: 60, remaining: 0 }] })
    expect(JSON.stringify(await byWire("azure"))).not.toContain("resetMs")
    expect((await byWire("gemini"))[0]).toMatchObject({ limits: [{ dimension: "requests", limit: 60, remaining: 0 }] })
    expect((await byWire("bare"))[0]).toEqual({
      outcome: "throttled",
      actual: undefined,
      retryAfterMs: 1000,
      reason: "rate",
    })
  })

  it("same seed, same draw and same report; another seed, another", async () => {
    const once = async (seed: number): Promise<unknown> => {
      const { shape: drawn, vendor: to, options } = randomTraffic(seed)
      return [drawn, to, options, await simulate(drawn, to, options)]
    }
    expect(await once(3)).toEqual(await once(3))
    expect(await once(3)).not.toEqual(await once(4))
  })

  it("says how many calls a draw lets through: no more than is told, than places hold, and than neighbours leave", () => {
    const draws = Array.from({ length: 400 }, (_, seed) => randomTraffic(seed))
    const shareOf = (of: (draw: (typeof draws)[number]) => boolean): number =>
      Math.max(...draws.filter(of).map((draw) => draw.admittedPerMinute / draw.callsPerMinute))
    expect(shareOf(({ kinds: { told } }) => told === "low")).toBeCloseTo(1 / 3)
    expect(shareOf(({ vendor: { coTenants } }) => coTenants !== undefined)).toBeCloseTo(0.8)
    expect(shareOf(({ kinds: { slots } }) => !slots)).toBe(1)
  })

  it("draws every shape, every vendor and everything told", () => {
    const draws = Array.from({ length: 400 }, (_, seed) => randomTraffic(seed))
    const kinds = (of: (draw: (typeof draws)[number]) => string): number => new Set(draws.map(of)).size
    expect(kinds(({ kinds: { shape: name } }) => name)).toBe(16)
    expect(kinds(({ kinds: { told } }) => told)).toBe(7)
    expect(kinds(({ kinds: { counts } }) => counts)).toBe(6)
    expect(kinds(({ kinds: { wire } }) => wire)).toBe(5)
    expect(new Set(draws.flatMap(({ kinds: { rough } }) => rough)).size).toBe(6)
    expect(kinds(({ vendor: { headers } }) => headers!)).toBe(5)
    expect(kinds(({ vendor: { retryAfter } }) => retryAfter!)).toBe(3)
    expect(kinds(({ vendor: { chargeRefused } }) => `${chargeRefused}`)).toBe(2)
    expect(kinds(({ vendor: { chargeMaxTokens } }) => `${chargeMaxTokens}`)).toBe(3)
    const some = (of: (draw: (typeof draws)[number]) => boolean): boolean => draws.some(of) && !draws.every(of)
    expect(some(({ kinds: { slots } }) => slots)).toBe(true)
    expect(some(({ vendor: { latency } }) => latency!.baseMs! >= 1_000 && latency!.perOutputTokenMs! >= 10)).toBe(true)
    expect(some(({ vendor: { faults } }) => (faults?.rates?.hang ?? 0) > 0)).toBe(true)
  })
})
