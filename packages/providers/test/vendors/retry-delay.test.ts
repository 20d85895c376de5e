import { describe, expect, it } from "vitest"
import { retryDelay } from "../../src/vendors/reading/retry-delay.ts"
import { bench, completion, openaiError } from "../fake-vendor.ts"

const now = Date.parse("2026-11-24T10:00:00Z")

describe("the vendor's delay", () => {
  it.each([
    [{ "retry-after": "90" }, 90_000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Tue, 24 Nov 2026 10:01:30 GMT" }, 90_000],
    [{ "x-ms-retry-after-ms": "700", "retry-after": "1" }, 700],
    [{ "retry-after-ms": "634", "x-ms-retry-after-ms": "700", "retry-after": "1" }, 634],
    // What is no delay is not taken for one: the next header speaks.
    [{ "retry-after-ms": "soon", "retry-after": "1" }, 1000],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "Tue, 24 Nov 2026 09:00:00 GMT" }, undefined],
    [{ "retry-after": "900000" }, undefined],
    [{}, undefined],
  ])("%j: %s ms", (headers, delayMs) => {
    expect(retryDelay(new Headers(headers as Record<string, string>), now)).toBe(delayMs)
  })

  it.each<[string, Record<string, string>, string, number]>([
    ["headers before words", { "retry-after": "3" }, "Please try again in 9s.", 3000],
    ["words where there is no header", {}, "Please try again in 6m0s.", 360_000],
    // The time until the limit is whole again: a call fits long before. The wait is the quota's own.
    ["a reset is an upper bound", { "x-ratelimit-reset-requests": "20s" }, "slow", 20_000],
  ])("%s", async (name, headers, words, delayMs) => {
    const { chat, clock, sent } = bench((n) =>
      n === 0 ? openaiError(429, "rate_limit_exceeded", headers, words) : completion(),
    )
    expect((await clock.run(chat())).status).toBe(200)
    expect(sent).toHaveLength(2)
    if (name.includes("bound")) expect(sent[1]!.atMs).toBeLessThanOrEqual(delayMs)
    else expect(sent[1]!.atMs).toBeGreaterThanOrEqual(delayMs)
  })
})
