import type { LimitReading } from "@sluice/core"
import { describe, expect, it } from "vitest"
import type { Episode } from "../../src/limits/measured-rate.ts"
import { RateLimit } from "../../src/limits/rate-limit.ts"
import type { RateLimitOptions } from "../../src/limits/rate-limit-options.ts"

/** 600 a minute: ten a second. */
const limitOf = (options: Partial<RateLimitOptions> = {}): RateLimit =>
  new RateLimit({
    name: "requestsPerMinute",
    dimension: "requests",
    limit: 600,
    windowMs: 60_000,
    jitterMs: 0,
    nowMs: 0,
    told: true,
    ...options,
  })

const reading = (limit: number | undefined, remaining?: number, more: Partial<LimitReading> = {}): LimitReading => ({
  dimension: "requests",
  ...(limit !== undefined && { limit }),
  ...(remaining !== undefined && { remaining }),
  ...more,
})

/** One call that leaves at `sentMs` and is answered at `heardMs`. */
function callAndHear(limit: RateLimit, sentMs: number, heardMs: number, said: LimitReading): number | undefined {
  limit.take(sentMs, 1)
  const anchor = limit.anchor(sentMs)
  return limit.hear(heardMs, said, anchor, sentMs)
}

const episode = (admitted: number, elapsedMs: number, first = false): Episode => ({ admitted, elapsedMs, first })

describe("a rate limit", () => {
  const rows = {
    "as a bucket with a burst": {
      options: { kind: "bucket", burst: 5 },
      rows: [
        { time: 0, cost: 5, ok: true },
        { time: 99, cost: 1, ok: false },
        { time: 100, cost: 1, ok: true },
        { time: 60_000, cost: 5, ok: true },
      ],
    },
    "as a bucket whose depth nobody named: a minute's worth, less what jitter may squeeze together": {
      options: { kind: "bucket", jitterMs: 500 },
      rows: [
        { time: 0, cost: 595, ok: true },
        { time: 0, cost: 1, ok: false },
      ],
    },
    "as a sliding window": {
      options: { kind: "sliding" },
      rows: [
        { time: 0, cost: 600, ok: true },
        { time: 59_999, cost: 1, ok: false },
        { time: 60_100, cost: 600, ok: true },
      ],
    },
    "as a fixed window": {
      options: { kind: "fixed", resetAtMs: 10_000 },
      rows: [
        { time: 0, cost: 600, ok: true },
        { time: 9_999, cost: 1, ok: false },
        { time: 10_000, cost: 600, ok: true },
      ],
    },
    "as a fixed window whose reset nobody named: safe for any": {
      options: { kind: "fixed" },
      rows: [
        { time: 0, cost: 600, ok: true },
        { time: 59_999, cost: 1, ok: false },
        { time: 60_100, cost: 1, ok: true },
      ],
    },
    "a clock that steps back gives nothing": {
      options: { kind: "bucket", burst: 5 },
      rows: [
        { time: 10_000, cost: 5, ok: true },
        { time: 0, cost: 1, ok: false },
        { time: 10_099, cost: 1, ok: false },
        { time: 10_100, cost: 1, ok: true },
      ],
    },
  } as const
  for (const [name, { options, rows: table }] of Object.entries(rows)) {
    it(name, () => {
      const limit = limitOf(options)
      const played = table.map(({ time, cost }) => {
        const ok = limit.msUntil(time, cost, true) === 0
        if (ok) limit.take(time, cost)
        return { time, cost, ok }
      })
      expect(played).toEqual(table)
    })
  }

  it("never admits what is above the limit, and lets nothing through for nothing", () => {
    const limit = limitOf()
    expect(limit.msUntil(0, 601, true)).toBe(Infinity)
    expect(limit.largest()).toBeCloseTo(600)
    limit.give(0, -10_000, 0)
    expect(limit.msUntil(0, 0, true)).toBe(0)
  })

  it("goes into debt when more was used than asked for, and comes out at its rate", () => {
    const limit = limitOf({ kind: "bucket", burst: 10 })
    limit.take(0, 10)
    limit.give(0, -50, 0)
    expect(limit.level(0)).toBe(-50)
    expect(limit.msUntil(0, 1, true)).toBeCloseTo(5_100)
  })

  it("weighs an amount by the time the limit takes to earn it", () => {
    expect(limitOf().weighMs(1)).toBe(100)
    expect(limitOf({ limit: 60_000 }).weighMs(500)).toBe(500)
  })

  it("takes a new number from its user from now on", () => {
    const limit = limitOf({ kind: "bucket" })
    limit.take(0, 600)
    limit.setTold(1_000, 6_000)
    expect([limit.limit, limit.level(1_000)]).toEqual([6_000, 10])
    expect(limit.level(2_000)).toBeCloseTo(110)
    limit.setTold(2_000, 60)
    expect(limit.level(2_000)).toBeCloseTo(60)
    expect(limit.msUntil(2_000, 61, true)).toBe(Infinity)
  })

  describe("hears the vendor", () => {
    it("who grants less than told: the vendor's word holds", () => {
      const limit = limitOf()
      expect(callAndHear(limit, 0, 200, reading(60, 59))).toBe(600)
      expect(limit.limit).toBe(60)
      expect(limit.level(200)).toBeLessThanOrEqual(60)
    })

    it("who grants more than told: the user's number is a ceiling", () => {
      const limit = limitOf()
      expect(callAndHear(limit, 0, 200, reading(6_000, 5_999))).toBe(undefined)
      expect(limit.limit).toBe(600)
      for (let at = 0; at < 20; at++) callAndHear(limit, 1_000 + at, 1_200 + at, reading(6_000, 5_900))
      expect(limit.level(2_000)).toBeLessThanOrEqual(600)
    })

    it("who lowers the limit and raises it again", () => {
      const limit = limitOf()
      callAndHear(limit, 0, 200, reading(60))
      expect(callAndHear(limit, 5_000, 5_200, reading(300))).toBe(60)
      expect(limit.limit).toBe(300)
      callAndHear(limit, 6_000, 6_200, reading(900))
      expect(limit.limit).toBe(600)
    })

    it("who raises a limit that was learned, beyond any number before", () => {
      const limit = limitOf({ told: false })
      limit.begin(0, 600, true)
      expect(callAndHear(limit, 0, 200, reading(6_000, 5_999))).toBe(600)
      expect(limit.limit).toBe(6_000)
    })

    it("whose limit of nothing is no limit", () => {
      const limit = limitOf()
      callAndHear(limit, 0, 200, reading(0))
      expect(limit.limit).toBe(600)
    })

    it("whose remaining is lower than ours: the level follows", () => {
      const limit = limitOf({ kind: "bucket" })
      callAndHear(limit, 0, 100, reading(600, 100))
      expect(Math.abs(limit.level(100) - 100)).toBeLessThanOrEqual(1)
    })

    it("without counting the calls in flight twice", () => {
      const limit = limitOf({ kind: "bucket" })
      // A hundred leave at once; each answer has counted those before it.
      const anchors = Array.from({ length: 100 }, () => {
        limit.take(0, 1)
        return limit.anchor(0)
      })
      anchors.forEach((anchor, index) => limit.hear(300 + index, reading(600, 599 - index), anchor, 0))
      expect(limit.level(400)).toBeCloseTo(504)
      expect(limit.others).toBe(0)
    })

    it("of one shortfall in a hundred answers, and corrects it once", () => {
      const limit = limitOf({ kind: "bucket" })
      const anchors = Array.from({ length: 100 }, () => {
        limit.take(0, 1)
        return limit.anchor(0)
      })
      // Somebody took 200 before.
      anchors.forEach((anchor, index) => limit.hear(300 + index, reading(600, 399 - index), anchor, 0))
      expect(limit.level(400)).toBeGreaterThan(250)
      expect(limit.level(400)).toBeLessThan(350)
    })

    it("whose numbers are rounded: within the rounding there is no news", () => {
      const limit = limitOf({ kind: "bucket", limit: 60_000, dimension: "tokens" })
      limit.take(0, 700)
      limit.hear(10, reading(60_000, 59_000, { roundedTo: 1_000 }), limit.anchor(0), 0)
      expect(limit.level(10)).toBeCloseTo(59_310, 0)
      expect(limit.others).toBe(0)
    })

    it("and notices others, and gives them room while it runs calls", () => {
      const limit = limitOf({ kind: "bucket" })
      let vendor = 300
      limit.take(0, 300)
      let nowMs = 0
      const second = (theirs: number): void => {
        vendor = Math.min(600, vendor + 10)
        limit.take(nowMs, 8)
        const anchor = limit.anchor(nowMs)
        vendor = vendor - 8 - theirs
        limit.hear(nowMs + 100, reading(600, Math.max(0, vendor)), anchor, nowMs)
        nowMs += 1_000
      }
      for (let i = 0; i < 60; i++) second(5)
      // Five a second: 300 a minute.
      expect(limit.others).toBeGreaterThan(150)
      expect(limit.others).toBeLessThanOrEqual(480)
      expect(limit.ratePerMs * 60_000).toBeCloseTo(600 - limit.others)
      const level = limit.level(nowMs)
      expect(limit.msUntil(nowMs, level, true)).toBe(0)
      expect(limit.msUntil(nowMs, level, false)).toBeGreaterThan(0)
    })

    it("but takes nobody for a thief of what never stood ready: a bucket may be shallower than its limit", () => {
      const limit = limitOf({})
      let vendor = 60
      for (let nowMs = 0; nowMs < 60_000; nowMs += 1_000) {
        vendor = Math.min(60, vendor + 10)
        limit.take(nowMs, 5)
        const anchor = limit.anchor(nowMs)
        vendor -= 5
        limit.hear(nowMs + 100, reading(600, vendor), anchor, nowMs)
      }
      expect(limit.others).toBe(0)
      expect(limit.level(60_000)).toBeLessThanOrEqual(70)
    })

    it("who moves the reset of a fixed window", () => {
      const limit = limitOf({ kind: "fixed", resetAtMs: 30_000 })
      limit.take(0, 600)
      limit.hear(100, reading(600, 0, { resetMs: 12_000 }), limit.anchor(0), 0)
      expect(limit.msUntil(100, 1, true)).toBe(12_000)
    })
  })

  describe("is refused", () => {
    it("and empties: the next call waits for one refill", () => {
      const limit = limitOf({ kind: "bucket" })
      limit.take(0, 1)
      limit.refuse(100, 1, { admittedMs: 0 }, episode(1, 100, true))
      expect(limit.level(100)).toBeLessThanOrEqual(0)
    })

    it("and owes what the vendor's delay says", () => {
      const limit = limitOf({ kind: "bucket" })
      limit.take(0, 1)
      limit.refuse(100, 1, { admittedMs: 0, retryAfterMs: 5_000 }, undefined)
      expect(limit.msUntil(100, 1, true)).toBeCloseTo(5_000, -2)
    })

    it("and cuts its rate once per episode, to what was measured", () => {
      const limit = limitOf({ kind: "bucket" })
      const before = limit.ratePerMs
      // 200 a minute passed, of the 600 told and sent.
      limit.take(0, 600)
      limit.take(30_000, 300)
      limit.take(59_999, 300)
      limit.notPassed(1_000)
      limit.refuse(60_000, 1, { admittedMs: 59_900 }, episode(200, 60_000))
      const cut = limit.ratePerMs
      expect(cut * 60_000).toBeCloseTo(200 * 0.985)
      for (let i = 0; i < 10; i++) limit.refuse(60_100, 1, { admittedMs: 59_900 }, undefined)
      expect(limit.ratePerMs).toBe(cut)
      expect(cut).toBeLessThan(before)
    })

    it("and does not cut it by what a caller measured who left most of it unused", () => {
      const limit = limitOf({ kind: "bucket" })
      const before = limit.ratePerMs
      for (let i = 0; i < 20; i++) limit.take(i * 3_000, 1)
      limit.refuse(60_000, 1, { admittedMs: 59_900 }, episode(20, 60_000))
      expect(limit.ratePerMs).toBe(before)
      expect(limit.level(60_000)).toBe(0)
    })

    it("and does not cut it below what passed in one of the last windows", () => {
      const limit = limitOf({ kind: "bucket", burst: 1 })
      for (let i = 0; i < 590; i++) limit.take(i * 100, 1)
      const before = limit.ratePerMs
      for (const nowMs of [59_000, 59_500, 60_000]) limit.refuse(nowMs, 1, { admittedMs: nowMs - 50 }, episode(2, 500))
      expect(limit.ratePerMs).toBeGreaterThan(before * 0.95)
    })

    it("and does not cut while the vendor's headers explain it", () => {
      const limit = limitOf({ kind: "bucket" })
      callAndHear(limit, 0, 100, reading(600, 599))
      const before = limit.ratePerMs
      limit.refuse(1_000, 1, { admittedMs: 900, remaining: 0 }, episode(10, 1_000))
      expect(limit.ratePerMs).toBeGreaterThan(before * 0.5)
      expect(limit.limit).toBe(600)
      expect(limit.level(1_000)).toBeLessThanOrEqual(0)
    })

    it("against a remaining with room: slices stand behind it, and the burst narrows to a second", () => {
      const limit = limitOf()
      limit.take(0, 20)
      limit.refuse(200, 1, { admittedMs: 30, remaining: 575 }, episode(20, 200, true))
      expect(limit.burstKnown).toBe(true)
      expect(limit.level(60_000)).toBeLessThanOrEqual(10)
      expect(limit.ratePerMs * 60_000).toBeGreaterThan(400)
    })

    it("with a delay no bucket would name: the vendor counts whole windows", () => {
      const limit = limitOf()
      limit.take(0, 300)
      limit.refuse(30_000, 1, { admittedMs: 29_900, retryAfterMs: 25_000 }, episode(310, 30_000, true))
      expect(limit.kind).toBe("sliding")
      expect(limit.msUntil(30_000, 1, true)).toBeGreaterThanOrEqual(25_000)
      expect(limit.msUntil(90_100, 600, true)).toBe(0)
    })

    it("with such a delay after a few calls: who refuses charges for it, and the bucket stays one", () => {
      const limit = limitOf()
      limit.take(0, 10)
      limit.refuse(1_000, 1, { admittedMs: 900, retryAfterMs: 25_000 }, episode(10, 1_000, true))
      expect(limit.kind).toBe("bucket")
    })

    it("at just its limit, in a moment: a bucket would have let through what it refilled", () => {
      const limit = limitOf()
      for (let i = 0; i < 60; i++) limit.take(i * 100, 10)
      limit.refuse(6_000, 1, { admittedMs: 5_950 }, episode(600, 6_000, true))
      expect(limit.kind).toBe("sliding")
      expect(limit.msUntil(6_000, 1, true)).toBeGreaterThan(50_000)
      expect(limit.msUntil(66_200, 600, true)).toBe(0)
    })

    it("while its own headers have room for it: the depth is narrowed, first to a second's worth, and the rate stays", () => {
      const limit = limitOf()
      limit.take(0, 100)
      limit.refuse(500, 1, { admittedMs: 450, remaining: 500 }, episode(100, 500, true))
      expect(limit.ratePerMs * 1_000).toBeCloseTo(10)
      expect(limit.level(60_000)).toBeCloseTo(10)
      limit.refuse(60_000, 1, { admittedMs: 59_900, remaining: 500 }, episode(20, 59_500))
      expect(limit.ratePerMs * 1_000).toBeCloseTo(10)
      expect(limit.level(120_000)).toBeCloseTo(5)
      expect(limit.others, "nobody else took anything").toBe(0)
    })

    it("does not change its mind about what its user said: a bucket stays one", () => {
      const limit = limitOf({ kind: "bucket" })
      limit.take(0, 300)
      limit.refuse(30_000, 1, { admittedMs: 29_900, retryAfterMs: 25_000 }, episode(300, 30_000, true))
      expect(limit.kind).toBe("bucket")
    })

    it("grows back to its limit, and never beyond what was told", () => {
      const limit = limitOf({ kind: "bucket", growth: { holdMs: 1_000, longestHolds: 0, doublingS: 5 } })
      const guess = limitOf({ kind: "bucket" })
      guess.refuse(60_000, 1, { admittedMs: 59_900 }, episode(200, 60_000))
      for (let nowMs = 60_000; nowMs < 240_000; nowMs += 1_000) guess.msUntil(nowMs, 1, true)
      expect(guess.ratePerMs * 60_000).toBeCloseTo(600)
      // A limit that was guessed tries for more.
      for (let nowMs = 0; nowMs < 60_000; nowMs += 1_000) limit.msUntil(nowMs, 1, true)
      expect(limit.ratePerMs * 60_000).toBeGreaterThan(1_200)
    })
  })
})

describe("a kind that was told and does not fit", () => {
  const told = (kind: "fixed" | "sliding"): RateLimit =>
    limitOf({ kind, ...(kind === "fixed" && { resetAtMs: 60_000 }) })

  it.each(["fixed", "sliding"] as const)(
    "%s: two refusals with most of the window left, and it is a bucket",
    (kind) => {
      const limit = told(kind)
      limit.take(0, 10)
      limit.refuse(50, 1, { admittedMs: 0, retryAfterMs: 100 }, episode(10, 50, true))
      expect(limit.kind).toBe(kind)
      limit.take(5_000, 10)
      limit.refuse(5_050, 1, { admittedMs: 5_000, retryAfterMs: 100 }, episode(10, 5_000))
      expect([limit.kind, limit.burst < 15]).toEqual(["bucket", true])
    },
  )

  it("takes the depth from headers, where they tell it", () => {
    const limit = told("fixed")
    for (const nowMs of [0, 1_000]) {
      limit.take(nowMs, 20)
      const { at, anchor } = { at: nowMs + 50, anchor: limit.anchor(nowMs) }
      limit.hear(at, reading(600, 0, { resetMs: 2_000 }), anchor, nowMs)
      limit.refuse(at, 1, { admittedMs: nowMs, retryAfterMs: 100, remaining: 0 }, episode(20, 1_000, nowMs === 0))
    }
    expect(limit.kind).toBe("bucket")
    expect(limit.burst).toBe(20)
  })

  it("a window that is nearly over looks full at once, too: one that fills again is believed", () => {
    const limit = told("fixed")
    limit.hear(58_000, reading(600, 0, { resetMs: 2_000 }), limit.anchor(57_900), 57_900)
    limit.refuse(58_000, 1, { admittedMs: 57_900, retryAfterMs: 2_000, remaining: 0 }, episode(600, 50_000))
    limit.hear(60_100, reading(600, 599, { resetMs: 59_900 }), limit.anchor(60_050), 60_050)
    limit.hear(118_000, reading(600, 0, { resetMs: 2_000 }), limit.anchor(117_900), 117_900)
    limit.refuse(118_000, 1, { admittedMs: 117_900, retryAfterMs: 2_000, remaining: 0 }, episode(600, 50_000))
    expect(limit.kind).toBe("fixed")
  })
})
