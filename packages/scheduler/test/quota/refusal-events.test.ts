import type { Settlement, SluiceEvent } from "@sluice/core"
import { awakeQuota, randomTraffic, seededRandom, simulate, VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import type { Quota, QuotaOptions } from "../../src/index.ts"

type EventOf<T extends SluiceEvent["type"]> = Extract<SluiceEvent, { readonly type: T }>

function setUp(options: QuotaOptions): {
  readonly clock: VirtualClock
  readonly quota: Quota
  readonly of: <T extends SluiceEvent["type"]>(type: T) => EventOf<T>[]
} {
  const clock = new VirtualClock({ startMs: 1_000, wallMs: 0 })
  const events: SluiceEvent[] = []
  const onEvent = (event: SluiceEvent): void => void events.push(event)
  const quota = awakeQuota({ clock, random: seededRandom(1), ...options, onEvent })
  return { clock, quota, of: (type) => events.filter((event): event is EventOf<typeof type> => event.type === type) }
}

const refused = (rest: Partial<Extract<Settlement, { outcome: "throttled" }>> = {}): Settlement => ({
  outcome: "throttled",
  reason: "rate",
  dimension: "requests",
  ...rest,
})

describe("each refusal tells what it was taken for, what that was seen from, and what changed", () => {
  it("many that left together: a depth", async () => {
    const { clock, quota, of } = setUp({ requestsPerMinute: 600 })
    const permits = await Promise.all(Array.from({ length: 10 }, () => quota.admit()))
    await clock.advance(40)
    permits[9]!.settle(refused())
    expect(of("throttle")).toMatchObject([
      { cause: "depth", observed: "requestsPerMinute: 10 had left together, and 600 were taken to stand ready" },
    ])
    expect(of("gate-close")).toMatchObject([{ reason: "rate" }])
    permits[8]!.settle(refused())
    expect(of("throttle").at(-1)).toMatchObject({ cause: "same-event" })
  })

  it("no capacity, again and again: places, from how many to how many", async () => {
    const { clock, quota, of } = setUp({ requestsPerMinute: { limit: 6_000, kind: "bucket" } })
    const permits = await Promise.all(Array.from({ length: 24 }, () => quota.admit()))
    await clock.advance(40)
    for (const permit of permits.slice(0, 6)) permit.settle({ outcome: "throttled", reason: "overloaded" })
    const last = of("throttle").at(-1)
    expect(last?.cause).toBe("places")
    expect(last?.observed).toBe("6 of the last 24 starts refused for want of capacity while 18 more ran")
    expect(of("throttle").map(({ cause, observed }) => `${cause}: ${observed}`)).toEqual([
      "luck: 1 of the last 24 starts refused for want of capacity while 23 more ran: too few to tell anything",
      "luck: 2 of the last 24 starts refused for want of capacity while 22 more ran: too few to tell anything",
      "luck: 3 of the last 24 starts refused for want of capacity while 21 more ran: too few to tell anything",
      ...["4", "5", "6"].map(
        (n) => `places: ${n} of the last 24 starts refused for want of capacity while ${24 - Number(n)} more ran`,
      ),
    ])
    expect(of("limit-change").at(-1)).toMatchObject({ dimension: "concurrency", to: 18 })
    for (const permit of permits.slice(6)) permit.settle({ outcome: "success" })
  })

  it("the first one while more and more at once are tried: places, and why one is enough", async () => {
    const { clock, quota, of } = setUp({})
    for (let round = 0; round < 2; round++) {
      const permits = await Promise.all(Array.from({ length: 8 }, () => quota.admit()))
      await clock.advance(40)
      for (const permit of permits) permit.settle({ outcome: "success" })
    }
    const permits = await Promise.all(Array.from({ length: 16 }, () => quota.admit()))
    await clock.advance(40)
    permits[0]!.settle({ outcome: "throttled", reason: "overloaded" })
    expect(of("throttle")).toMatchObject([
      { cause: "places", observed: "refused while 15 more ran, as more at once were tried than had been served" },
    ])
    for (const permit of permits.slice(1)) permit.settle({ outcome: "success" })
  })

  it("nothing known: the rate that was guessed, and from what", async () => {
    const { clock, quota, of } = setUp({ concurrency: 50 })
    for (const cause of ["unknown", "unknown-rate"]) {
      for (let i = 0; i < 20; i++) (await clock.run(quota.admit())).settle({ outcome: "success" })
      const permit = await clock.run(quota.admit())
      await clock.advance(500)
      permit.settle(refused({ retryAfterMs: 700 }))
      expect(of("throttle").at(-1)).toMatchObject({ cause })
    }
    const change = of("limit-change").at(-1)
    expect(change).toMatchObject({ dimension: "requests per minute", from: Infinity })
    expect(change?.reason).toMatch(
      /^refused: what came since the last refusal allows [\d.,]+ requests a minute, room in 0\.7 s$/,
    )
  })

  it("a kind of window that was told and does not hold is said once, with what to do", async () => {
    const { clock, quota, of } = setUp({ requestsPerMinute: { limit: 600, kind: "fixed", resetAt: 30_000 } })
    const permits = await Promise.all(Array.from({ length: 20 }, () => quota.admit()))
    await clock.advance(40)
    permits[19]!.settle(refused({ retryAfterMs: 100 }))
    expect(of("throttle")).toMatchObject([{ cause: "bucket" }])
    expect(of("warning")).toMatchObject([{ code: "told-differently" }])
    expect(of("warning")[0]!.message).toMatch(
      /requestsPerMinute was told as fixed, .* bucket.*correct its kind, or leave it out/,
    )
    expect(quota.snapshot().limits).toMatchObject([{ kind: "bucket" }])
  })
})

describe("a window is guessed while most of what left has no answer yet", () => {
  it("each of those that is refused lowers it", async () => {
    const { clock, quota, of } = setUp({ concurrency: 20 })
    const permits = await Promise.all(Array.from({ length: 20 }, () => quota.admit()))
    await clock.advance(40)
    for (const permit of permits.slice(4)) permit.settle(refused({ retryAfterMs: 45_000 }))
    expect(of("throttle").map(({ cause }) => cause)).toEqual(["unknown-window", ...Array(15).fill("same-event")])
    expect(quota.snapshot().limits.at(-1)!.limit).toBeCloseTo(4)
    for (const permit of permits.slice(0, 4)) permit.settle(refused({ retryAfterMs: 45_000 }))
    expect(quota.snapshot().limits.at(-1)!.limit).toBeCloseTo(1)
  })

  it("and that it is no window after all is no word of the user's", async () => {
    const { clock, quota, of } = setUp({ concurrency: 20 })
    const permits = await Promise.all(Array.from({ length: 20 }, () => quota.admit()))
    await clock.advance(40)
    for (const permit of permits.slice(4)) permit.settle(refused({ retryAfterMs: 45_000 }))
    for (const permit of permits.slice(0, 4)) permit.settle({ outcome: "success" })
    for (let tries = 0; tries < 20 && !of("throttle").some(({ cause }) => cause === "bucket"); tries++) {
      const permit = await clock.run(quota.admit())
      await clock.advance(40)
      permit.settle(tries % 2 === 0 ? { outcome: "success" } : refused({ retryAfterMs: 300 }))
    }
    expect(of("throttle").at(-1)).toMatchObject({ cause: "bucket" })
    expect(of("warning").filter(({ code }) => code === "told-differently")).toEqual([])
  })
})

it("whatever refuses, and why: a refusal without a cause, or numbers that are none, there is not (60 draws of traffic)", async () => {
  const causes = new Set<string | undefined>()
  let all = 0
  for (let seed = 1; seed <= 60; seed++) {
    const { shape, vendor, options } = randomTraffic(seed)
    const events: SluiceEvent[] = []
    const { refused } = await simulate(shape, vendor, { ...options, onEvent: (event) => void events.push(event) })
    const told = events.filter((event) => event.type === "throttle")
    const settled = events.filter((event) => event.type === "permit-settle" && event.outcome === "throttled")
    expect(told.length, `seed ${seed}`).toBe(settled.length)
    expect(told.length, `seed ${seed}`).toBeGreaterThanOrEqual(refused)
    for (const { cause, observed = "" } of told) {
      causes.add(cause)
      expect(observed, `seed ${seed}, ${cause}`).not.toMatch(/^$|undefined|NaN|Infinity|∞/)
    }
    for (const event of events) if (event.type === "limit-change") expect(event.reason, `seed ${seed}`).not.toBe("")
    all += told.length
  }
  expect(causes.has(undefined)).toBe(false)
  expect(causes.size).toBeGreaterThanOrEqual(8)
  expect(all).toBeGreaterThan(100)
}, 60_000)

it("no question changes what happens next", async () => {
  const trace = async (asks: boolean): Promise<number[]> => {
    const { clock, quota } = setUp({ requestsPerMinute: 600, tokensPerMinute: { limit: 60_000, kind: "sliding" } })
    const startedMs: number[] = []
    const random = seededRandom(3)
    const call = async (): Promise<void> => {
      const permit = await quota.admit({ inputTokens: 100 })
      startedMs.push(clock.now())
      await new Promise<void>((resolve) => void clock.setTimer(50 + 200 * random.next(), resolve))
      permit.settle(random.next() < 0.05 ? refused({ retryAfterMs: 300 }) : { outcome: "success" })
    }
    if (asks) {
      for (let ms = 5; ms < 60_000; ms += 5) {
        clock.setTimer(ms, () => {
          quota.snapshot()
          quota.explain()
        })
      }
    }
    await clock.run(Promise.all(Array.from({ length: 300 }, call)))
    return startedMs
  }
  expect(await trace(true)).toEqual(await trace(false))
})
