import type { Settlement, LimitReading } from "@sluice/core"
import {
  awakeQuota,
  createVirtualVendor,
  limiterContestant,
  randomScenario,
  seededRandom,
  toldAt,
  VirtualClock,
} from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { parallelMap, type QuotaOptions } from "../../../src/index.ts"

const sleep = (clock: VirtualClock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(ms, resolve))

/** A vendor of 600 requests a minute that sends headers with every answer. */
function headers(nowMs: number, used: number[]): readonly LimitReading[] {
  used.push(nowMs)
  const remaining = 600 - used.filter((ms) => ms > nowMs - 60_000).length
  return [{ dimension: "requests", limit: 600, remaining, resetMs: (600 - remaining) * 100 }]
}

/** How long `count` calls, one after the other, take through a quota that is told `options`. */
async function oneAfterTheOther(
  options: QuotaOptions,
  count: number,
  answer: (n: number, limits: readonly LimitReading[], nowMs: number) => Settlement,
  thinkMs = 0,
): Promise<number> {
  const clock = new VirtualClock({ startMs: 1_000 })
  const quota = awakeQuota({ ...options, clock, random: seededRandom(1) })
  const used: number[] = []
  const run = async (): Promise<void> => {
    for (let n = 1; n <= count; n++) {
      const permit = await quota.admit({ inputTokens: 100, outputTokens: 20 })
      await sleep(clock, 50)
      const end = answer(n, headers(clock.now(), used), clock.now() - 1_000)
      permit.settle(end)
      await sleep(clock, thinkMs)
    }
  }
  await clock.run(run())
  expect(quota.snapshot()).toMatchObject({ waiting: 0, inFlight: 0 })
  expect(clock.pending).toBe(0)
  return clock.now() - 1_000
}

const ok = (limits: readonly LimitReading[]): Settlement => ({ outcome: "success", limits })

describe("a single caller, one call after the other, told nothing, headers in every answer", () => {
  const firsts: readonly (readonly [string, (limits: readonly LimitReading[]) => Settlement, number])[] = [
    ["an answer", ok, 0],
    ["a 4xx", () => ({ outcome: "ignored" }), 0],
    ["a 5xx", () => ({ outcome: "failed" }), 0],
    ["a 529", (limits) => ({ outcome: "throttled", reason: "overloaded", limits }), 2_000],
    ["a 429", (limits) => ({ outcome: "throttled", reason: "rate", limits }), 2_000],
  ]
  for (const [name, first, extraMs] of firsts) {
    for (const thinkMs of [0, 3_000]) {
      it(`${name} first, thinking ${thinkMs} ms: waits for nobody`, async () => {
        const tookMs = await oneAfterTheOther({}, 20, (n, limits) => (n === 1 ? first(limits) : ok(limits)), thinkMs)
        expect(tookMs).toBeLessThanOrEqual(20 * (50 + thinkMs) + 300 + extraMs)
      })
    }
  }

  it("hears of a second dimension later on", async () => {
    const tokens: LimitReading = { dimension: "tokens", limit: 100_000, remaining: 99_000, resetMs: 600 }
    const tookMs = await oneAfterTheOther({}, 20, (n, limits) => ok(n < 5 ? limits : [...limits, tokens]))
    expect(tookMs).toBeLessThanOrEqual(1_300)
  })

  it("goes through parallelMap with a concurrency of 1", async () => {
    const clock = new VirtualClock({ startMs: 1_000 })
    const quota = awakeQuota({ clock, random: seededRandom(1) })
    const used: number[] = []
    const call = async (n: number): Promise<number> => {
      const permit = await quota.admit()
      await sleep(clock, 50)
      permit.settle({ outcome: "success", limits: headers(clock.now(), used) })
      return n
    }
    const run = async (): Promise<number> => {
      let count = 0
      for await (const { status } of parallelMap([1, 2, 3, 4, 5, 6, 7, 8], call, { concurrency: 1 }))
        if (status === "ok") count++
      return count
    }
    expect(await clock.run(run())).toBe(8)
    expect(clock.now()).toBeLessThanOrEqual(1_900)
  })
})

describe("a server that is down for its first 6 s, the rate told", () => {
  for (const status of ["overloaded", "failed"] as const) {
    it(`${status}: goes on when it is back`, async () => {
      const down: Settlement =
        status === "failed" ? { outcome: "failed" } : { outcome: "throttled", reason: "overloaded" }
      let answered = 0
      const tookMs = await oneAfterTheOther({ requestsPerMinute: 600 }, 200, (_, limits, nowMs) => {
        if (nowMs < 6_000) return down
        answered++
        const tokens: LimitReading = { dimension: "tokens", limit: 100_000, remaining: 99_000, resetMs: 600 }
        return ok([...limits, tokens])
      })
      expect(answered).toBeGreaterThan(40)
      // At 600 a minute, once what stood ready is gone.
      expect(tookMs).toBeLessThanOrEqual(6_000 + 2_000 + answered * 100)
    })
  }
})

describe("vendors drawn at random, and few callers that think", () => {
  const vendors = process.env["SLUICE_LONG"] ? 1_000 : 60
  for (const callers of [1, 2, 12]) {
    it(`${callers} at a time: nothing ever waits that nothing will wake`, async () => {
      for (let seed = 1; seed <= vendors; seed++) {
        const { scenario, network } = randomScenario(seed)
        const random = seededRandom(seed)
        const clock = new VirtualClock({ settles: "promises" })
        const { call } = createVirtualVendor({ ...scenario.vendor, ...network, seed, clock })
        const told = toldAt(scenario.told, clock.wallNow())
        const quota = awakeQuota({ ...told, clock, random })
        const through = limiterContestant(() => quota)
        const chargesMaxTokens = scenario.vendor.chargeMaxTokens ?? false
        const thinkMs = [0, 200, 20_000][Math.floor(random.next() * 3)]!
        let left = 30
        const caller = async (): Promise<void> => {
          while (left-- > 0) {
            await sleep(clock, thinkMs * random.next())
            const inputTokens = 50 + Math.floor(random.next() * 400)
            const calls = [
              { id: `${left}`, inputTokens, outputTokens: 20 + Math.floor(random.next() * 100), maxTokens: 200 },
            ]
            await through({ clock, random, told, chargesMaxTokens, calls, call })
          }
        }
        await clock.run(Promise.all(Array.from({ length: callers }, caller))).catch((error: unknown) => {
          throw new Error(`seed ${seed}, ${scenario.title}: ${String(error)}`)
        })
        expect(quota.snapshot(), `seed ${seed}`).toMatchObject({ waiting: 0, inFlight: 0 })
      }
    }, 120_000)
  }
})

it.each([1_000, 2_000, 5_000, 14_000])(
  "one refusal that nothing explains, to be tried again in %i ms: three minutes later all goes as before",
  async (retryAfterMs) => {
    const clock = new VirtualClock({ startMs: 1_000 })
    const quota = awakeQuota({ clock, random: seededRandom(1) })
    const starts: number[] = []
    const run = async (): Promise<void> => {
      while (clock.now() < 241_000) {
        const permit = await quota.admit({ inputTokens: 100, outputTokens: 20 })
        starts.push(clock.now())
        await sleep(clock, 100)
        permit.settle(
          starts.length === 20 ? { outcome: "throttled", reason: "rate", retryAfterMs } : { outcome: "success" },
        )
      }
    }
    await clock.run(run())
    // Ten a second, as before the refusal.
    expect(starts.filter((ms) => ms >= 181_000 && ms < 241_000).length).toBeGreaterThanOrEqual(598)
  },
)
