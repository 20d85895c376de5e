import { SluiceError } from "@sluice/core"
import { parallelMap } from "@sluice/scheduler"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { backoffDelayMs, classifyError, retryDecision, retryDefaults } from "../../src/item/retry-policy.ts"

const fixed = (value: number): { next: () => number } => ({ next: () => value })

describe("backoffDelayMs", () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 30_000],
    [5_000, 30_000],
  ])("attempt %i waits between half of %i ms and the whole by default", (attempt, mostMs) => {
    expect(backoffDelayMs(attempt, undefined, fixed(0))).toBe(mostMs / 2)
    expect(backoffDelayMs(attempt, undefined, fixed(0.5))).toBe(0.75 * mostMs)
    expect(backoffDelayMs(attempt, { jitter: "full" }, fixed(0))).toBe(0)
    expect(backoffDelayMs(attempt, { jitter: "full" }, fixed(0.5))).toBe(mostMs / 2)
    expect(backoffDelayMs(attempt, { jitter: "none" }, fixed(0.3))).toBe(mostMs)
  })

  it("six attempts last for 15 s and at most 31 s, whatever is drawn", () => {
    const lastMs = (draw: number): number =>
      [1, 2, 3, 4, 5].reduce((sum, attempt) => sum + backoffDelayMs(attempt, undefined, fixed(draw)), 0)
    expect(retryDefaults.maxAttempts).toBe(6)
    expect(lastMs(0)).toBeGreaterThanOrEqual(15_000)
    expect(lastMs(0.999999)).toBeLessThan(31_000)
  })

  it("row 6: 50 callers at the cap wait 50 different times over half the span, or with full jitter over the whole", () => {
    let seed = 1
    const random = { next: () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 }
    for (const [jitter, leastMs] of [
      ["equal", 10],
      ["full", 0],
    ] as const) {
      const delays = Array.from({ length: 50 }, () => backoffDelayMs(20, { maxMs: 20, jitter }, random))
      expect(new Set(delays).size).toBe(50)
      expect(Math.max(...delays)).toBeLessThan(20)
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(leastMs)
      expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan((20 - leastMs) * 0.75)
    }
  })

  it("is finite and under the cap for any attempt and backoff", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.record({ initialMs: fc.nat(1e6), factor: fc.double({ min: 1, max: 100, noNaN: true }), maxMs: fc.nat(1e7) }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (attempt, backoff, draw) => {
          const delayMs = backoffDelayMs(attempt, backoff, fixed(draw))
          return delayMs >= 0 && delayMs <= backoff.maxMs
        },
      ),
    )
  })
})

describe("retryDecision", () => {
  it("row 5: never shortens the vendor's delay, however long", () => {
    for (const draw of [0, 0.5, 0.999]) {
      const decision = retryDecision(
        { retryable: true, reason: "rate", retryAfterMs: 90_000 },
        1,
        undefined,
        fixed(draw),
      )
      expect(decision).toMatchObject({ retry: true, reason: "rate", invited: true })
      expect(decision.delayMs).toBeGreaterThanOrEqual(90_000)
      expect(decision.delayMs).toBeLessThanOrEqual(91_000)
    }
  })

  it("without jitter waits exactly the vendor's delay", () => {
    const failure = { retryable: true, reason: "rate", retryAfterMs: 86_400_000 }
    expect(retryDecision(failure, 1, { jitter: "none" }, fixed(0.5)).delayMs).toBe(86_400_000)
  })

  it("says no to what cannot be retried, also when a delay is named", () => {
    expect(retryDecision({ retryable: false, reason: "billing", retryAfterMs: 5 }, 1, undefined, fixed(0))).toEqual({
      retry: false,
      reason: "billing",
    })
  })
})

describe("classifyError", () => {
  it.each([
    [new Error("x"), { retryable: true, reason: "Error" }],
    [new TypeError("other side closed"), { retryable: true, reason: "TypeError" }],
    ["text", { retryable: true, reason: "error" }],
    [null, { retryable: true, reason: "error" }],
    [new DOMException("stop", "AbortError"), { retryable: false, reason: "AbortError" }],
    [Object.assign(new Error("x"), { retryable: false }), { retryable: false, reason: "Error" }],
    [new SluiceError("queue-full", "full", { retryable: true }), { retryable: true, reason: "queue-full" }],
    [new SluiceError("quota-exhausted", "no money"), { retryable: false, reason: "quota-exhausted" }],
    [
      Object.assign(new Error("x"), { retryAfterMs: 90_000 }),
      { retryable: true, reason: "Error", retryAfterMs: 90_000 },
    ],
  ])("%s", (error, failure) => {
    expect(classifyError(error)).toEqual(failure)
  })
})

describe("defaults and checks", () => {
  it("are frozen", () => {
    expect(Object.isFrozen(retryDefaults) && Object.isFrozen(retryDefaults.backoff)).toBe(true)
  })

  it.each([
    [{ initialMs: -1 }, "retry.backoff.initialMs must be a number of milliseconds from 0 up (got -1)."],
    [{ maxMs: Number.NaN }, "retry.backoff.maxMs must be a number of milliseconds from 0 up (got NaN)."],
    [{ factor: 0.5 }, "retry.backoff.factor must be a number from 1 up (got 0.5)."],
    [{ jitter: "some" as "full" }, 'retry.backoff.jitter must be "equal", "full" or "none" (got "some").'],
  ])("%o is refused by name", (backoff, message) => {
    expect(() => parallelMap([], (n) => n, { retry: { maxAttempts: 2, backoff } })).toThrow(message)
  })
})
