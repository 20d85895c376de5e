import type { Cost, Permit, SluiceEvent } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { type Quota, type QuotaOptions, type RateName } from "../../src/index.ts"

function setUp(options: QuotaOptions): { clock: VirtualClock; quota: Quota } {
  const clock = new VirtualClock({ startMs: 0, wallMs: Date.UTC(2026, 0, 1) })
  return { clock, quota: awakeQuota({ jitterMs: 0, clock, random: { next: () => 0.5 }, ...options }) }
}

/** How many calls of `cost` are admitted now. */
function admitted(quota: Quota, cost: Cost): number {
  let count = 0
  while (quota.tryAdmit(cost)) count++
  return count
}

const second = 1_000
const minute = 60 * second
const day = 24 * 60 * minute

describe("every rate", () => {
  it.each<[RateName, Cost, number]>([
    ["requestsPerSecond", {}, second],
    ["requestsPerMinute", {}, minute],
    ["requestsPerDay", {}, day],
    ["tokensPerSecond", { inputTokens: 6, outputTokens: 4 }, second],
    ["tokensPerMinute", { inputTokens: 6, outputTokens: 4 }, minute],
    ["tokensPerDay", { inputTokens: 6, outputTokens: 4 }, day],
    ["inputTokensPerSecond", { inputTokens: 10, outputTokens: 99 }, second],
    ["inputTokensPerMinute", { inputTokens: 10, outputTokens: 99 }, minute],
    ["outputTokensPerSecond", { inputTokens: 99, outputTokens: 10 }, second],
    ["outputTokensPerMinute", { inputTokens: 99, outputTokens: 10 }, minute],
  ])("%s counts its own dimension over its own window", async (name, cost, windowMs) => {
    const amount = name.startsWith("requests") ? 1 : 10
    for (const kind of ["bucket", "sliding", "fixed"] as const) {
      const { clock, quota } = setUp({ [name]: { limit: 3 * amount, kind }, onExhausted: "pause" })
      expect(admitted(quota, cost), kind).toBe(3)
      // A bucket has the next a third of the window later; a window has it when it has passed.
      const fullMs = kind === "bucket" ? windowMs / 3 : windowMs
      await clock.advance(fullMs * 0.98)
      expect(admitted(quota, cost), kind).toBe(0)
      await clock.advance(fullMs * 0.04)
      expect(admitted(quota, cost), kind).toBe(kind === "bucket" ? 1 : 3)
    }
  })

  it("takes a burst: so many at once, then one by one", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: { limit: 60, kind: "bucket", burst: 5 } })
    expect(admitted(quota, {})).toBe(5)
    await clock.advance(2 * second)
    expect(admitted(quota, {})).toBe(2)
  })
})

describe("chargeRefused", () => {
  it.each([
    ["none", 10, 100],
    ["requests", 9, 100],
    ["all", 9, 90],
  ] as const)("%s: a refusal leaves %i requests and %i tokens", async (chargeRefused, requests, tokens) => {
    const { quota } = setUp({
      requestsPerDay: 10,
      tokensPerDay: 100,
      chargeRefused,
    })
    const permit = quota.tryAdmit({ inputTokens: 10 })!
    permit.settle({ outcome: "throttled", reason: "overloaded" })
    const levels = Object.fromEntries(quota.snapshot().limits.map(({ name, level }) => [name, level]))
    expect(levels).toMatchObject({ requestsPerDay: requests, tokensPerDay: tokens })
  })
})

describe("weights", () => {
  it("share the quota among keys while all of them wait", async () => {
    const { clock, quota } = setUp({
      requestsPerMinute: { limit: 600, kind: "bucket", burst: 1 },
      weights: { paid: 3 },
    })
    const served = { paid: 0, free: 0 }
    const all: Promise<unknown>[] = []
    for (const key of ["free", "paid"] as const) {
      for (let i = 0; i < 400; i++) {
        all.push(
          quota
            .admit({}, { tenant: key })
            .then((permit: Permit) => (served[key]++, permit.settle({ outcome: "success" }))),
        )
      }
    }
    await clock.advance(40 * second)
    expect(served.paid + served.free).toBeGreaterThanOrEqual(400)
    expect(served.paid / served.free).toBeCloseTo(3, 1)
    await clock.run(Promise.all(all))
  })
})

describe("retune", () => {
  it.each([
    [{ requestsPerMinute: { limit: 9, kind: "fixed" } }, 'requestsPerMinute.kind must stay "bucket", got "fixed"'],
    [{ requestsPerMinute: { limit: 9, burst: 3 } }, "requestsPerMinute.burst must stay 5, got 3"],
    [{ tokensPerMinute: { limit: 9, kind: "bucket" } }, 'tokensPerMinute.kind must stay undefined, got "bucket"'],
  ] as const)("of %j refuses what cannot change, instead of passing over it", (limits, message) => {
    const { quota } = setUp({ requestsPerMinute: { limit: 60, kind: "bucket", burst: 5 }, tokensPerMinute: 1_000 })
    expect(() => quota.retune(limits)).toThrow(`quota.retune: ${message}. Only the limit of a rate can change`)
    expect(quota.snapshot().limits.map(({ limit }) => limit)).toEqual([60, 1_000])
  })

  it("takes the same rate with another number, and a rate that is new with all that it says", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: { limit: 60, kind: "bucket", burst: 5 } })
    quota.retune({ requestsPerMinute: { limit: 120, kind: "bucket", burst: 5 } })
    expect(admitted(quota, {})).toBe(5)
    await clock.advance(second)
    quota.retune({ inputTokensPerSecond: { limit: 10, kind: "fixed", resetAt: clock.wallNow() + second } })
    expect(admitted(quota, { inputTokens: 10 })).toBe(1)
    expect(() => quota.retune({ inputTokensPerSecond: { limit: 20, kind: "bucket" } })).toThrow('must stay "fixed"')
  })
})

describe("row 23: the wall clock", () => {
  it("may step back an hour: refills and windows go on", async () => {
    for (const kind of ["bucket", "sliding"] as const) {
      const { clock, quota } = setUp({ requestsPerMinute: { limit: 6, kind } })
      expect(admitted(quota, {})).toBe(6)
      clock.jumpWall(-3_600_000)
      await clock.advance(minute + second)
      expect(admitted(quota, {}), kind).toBe(6)
    }
  })
})

describe("events", () => {
  it("say of a call that waits which limit keeps it, of one admitted how long it waited", async () => {
    const events: SluiceEvent[] = []
    const { clock, quota } = setUp({
      concurrency: 2,
      requestsPerMinute: { limit: 60, kind: "bucket", burst: 2 },
      onEvent: (event) => events.push(event),
    })
    const first = quota.tryAdmit()!
    void quota.tryAdmit()
    const waiting = quota.admit({}, { tenant: "a" })
    void quota.admit({}, { tenant: "a" })
    await clock.advance(400)
    first.settle({ outcome: "success" })
    await clock.run(waiting)
    expect(events.filter(({ type }) => type === "permit-wait")).toMatchObject([
      { tenant: "a", blockedBy: "concurrency", waiting: 1 },
      { tenant: "a", blockedBy: "concurrency", waiting: 2 },
    ])
    // The place was free after 400 ms, the next request after 1,000.
    expect(events.filter((event) => event.type === "permit-admit" && event.waitedMs > 0)).toMatchObject([
      { tenant: "a", waitedMs: 1_000 },
    ])
    expect(quota.explain()).toMatchObject([
      {
        tenant: "a",
        blockedBy: "concurrency",
        untilMs: undefined,
        waitedMs: 1_000,
        heldBy: [{ heldMs: 0 }, { heldMs: 1_000 }],
      },
    ])
  })
})
