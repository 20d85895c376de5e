import type { AdmitOptions, Limiter, Permit, Settlement } from "@sluice/core"
import { bottleneckLimiter, keyed, LocalLedger, parallelMap, quotaOn, semaphore } from "@sluice/scheduler"
import { awakeQuota } from "@sluice/lab"
import { describe, expect, it, test } from "vitest"

/** As programs ask that no compiler has seen: what would be silent names itself, its value and what is allowed. */

const free = { on: () => {}, schedule: <R>(_job: object, fn: () => PromiseLike<R>) => Promise.resolve(fn()) }
const limiters: Record<string, () => Limiter> = {
  quota: () => awakeQuota({ concurrency: 1 }),
  quotaOn: () => quotaOn(new LocalLedger({ concurrency: 1 })),
  semaphore: () => semaphore({ limit: 1 }),
  "keyed.of": () => keyed(() => semaphore({ limit: 1 })).of("a"),
  bottleneckLimiter: () => bottleneckLimiter(free),
}

const asks: [object, string][] = [
  [{ signal: "stop" }, 'signal must be an AbortSignal (got "stop")'],
  [{ priority: Number.NaN }, "priority must be a number (got NaN)"],
  [{ priority: "high" }, 'priority must be a number (got "high")'],
  [{ since: Number.NaN }, "since must be a number (got NaN)"],
  [{ tenant: 5 }, "tenant must be a string (got 5)"],
  [{ maxWaitMs: Number.NaN }, "maxWaitMs must be a number of milliseconds from 0 up (got NaN)"],
  [{ maxWaitMs: -1 }, "maxWaitMs must be a number of milliseconds from 0 up (got -1)"],
  [{ maxWaitMs: "5" }, 'maxWaitMs must be a number of milliseconds from 0 up (got "5")'],
  [{ place: "no" }, 'place must be true or false (got "no")'],
  [{ certain: { inputTokens: -5 } }, "certain.inputTokens must be a number from 0 up (got -5)"],
  [{ certain: 5 }, "certain must be an object (got 5)"],
]

describe.each(Object.entries(limiters))("%s", (_name, make) => {
  it.each(asks)("asked with %j refuses, and goes on", async (asked, message) => {
    const limiter = make()
    await expect(limiter.admit({}, asked)).rejects.toMatchObject({
      code: "invalid-option",
      message: `admit: ${message}.`,
    })
    expect(() => limiter.tryAdmit({}, asked)).toThrow(`admit: ${message}.`)
    const permit = await limiter.admit()
    permit.settle({ outcome: "success" })
  })

  it("takes what is right", async () => {
    const asked: AdmitOptions[] = [
      { signal: new AbortController().signal, tenant: "", priority: -Infinity, since: 0, certain: {} },
      // A signal of another realm, or of a polyfill.
      { signal: { aborted: false, addEventListener: () => {}, removeEventListener: () => {} } as never },
      { maxWaitMs: Infinity, place: true, priority: undefined } as never,
    ]
    for (const one of asked) {
      const permit = await make().admit({}, one)
      expect(() => permit.settle({ outcome: "success" })).not.toThrow()
    }
  })

  it.each<[unknown, string]>([
    [undefined, 'outcome must be "success", "throttled", "failed" or "ignored" (got undefined)'],
    [{ outcome: "succes" }, 'outcome must be "success", "throttled", "failed" or "ignored" (got "succes")'],
    [{ outcome: "toString" }, 'outcome must be "success", "throttled", "failed" or "ignored" (got "toString")'],
    [{ outcome: "success", latncy: 5 }, 'unknown option "latncy". Did you mean "latency"?'],
    [{ outcome: "success", retryAfterMs: 5 }, 'unknown option "retryAfterMs". Known: outcome, actual, limits, latency'],
    [{ outcome: "success", latency: 5 }, "latency must be an object (got 5)"],
    [{ outcome: "success", latency: {} }, "latency.totalMs must be a number (got undefined)"],
    [{ outcome: "success", latency: { totalMs: Number.NaN } }, "latency.totalMs must be a number (got NaN)"],
    [{ outcome: "success", latency: { totlMs: 5 } }, 'unknown option "latency.totlMs". Did you mean "totalMs"?'],
    [{ outcome: "success", limits: {} }, "limits must be a list (got an object)"],
    [{ outcome: "success", limits: [null] }, "limits.0 must be an object (got null)"],
    [
      { outcome: "success", limits: [{ dimension: "request" }] },
      'limits.0.dimension must be "requests", "tokens", "inputTokens" or "outputTokens" (got "request")',
    ],
    [
      { outcome: "success", limits: [{ dimension: "tokens", remaining: "5" }] },
      'limits.0.remaining must be a number (got "5")',
    ],
    [
      { outcome: "throttled", reason: "rate", limits: [{ dimension: "tokens", limitt: 5 }] },
      'unknown option "limits.0.limitt". Did you mean "limit"?',
    ],
    [
      { outcome: "throttled" },
      'reason must be "rate", "places", "ramp", "overloaded", "daily" or "billing" (got undefined)',
    ],
    [
      { outcome: "throttled", reason: "rate", retryAfter: 5 },
      'unknown option "retryAfter". Did you mean "retryAfterMs"?',
    ],
    [
      { outcome: "failed", retryAfterMs: Number.NaN },
      "retryAfterMs must be a number of milliseconds from 0 up (got NaN)",
    ],
    [{ outcome: "ignored", reason: "rate" }, 'unknown option "reason". Known: outcome, actual'],
    [{ outcome: "success", actual: { inputTokns: 5 } }, 'unknown option "actual.inputTokns". Did you mean'],
    [{ outcome: "ignored", actual: { usd: Number.NaN } }, "actual.usd must be a number"],
  ])("told of %j says so, and has its permit back", async (end, message) => {
    const limiter = make()
    const permit = await limiter.admit()
    expect(() => permit.settle(end as Settlement)).toThrow(`settle: ${message}`)
    // Once: a second end does nothing, whatever it is.
    permit.settle(end as Settlement)
    ;(await limiter.admit()).settle({ outcome: "success" })
  })

  it.each<Settlement>([
    { outcome: "success", actual: { inputTokens: 5 }, latency: { totalMs: 5, outputTokens: 5 } },
    { outcome: "success", limits: [{ dimension: "requests", limit: 1e9, remaining: -1, resetMs: 5 }] },
    { outcome: "success", limits: [{ dimension: "tokens", limit: 1e9, remaining: 5, roundedTo: 1_000 }] },
    { outcome: "success", latency: undefined as never, actual: undefined },
    { outcome: "throttled", reason: "places", message: "too many", dimension: "requests" },
    { outcome: "failed", retryAfterMs: Infinity },
    { outcome: "ignored", actual: { requests: 0 } },
  ])("takes %j", async (end) => {
    const permit: Permit = await make().admit()
    expect(() => permit.settle(end)).not.toThrow()
  })
})

test("the end of what sends no request may put right what others took, also below nothing, and has no other names", async () => {
  const quota = awakeQuota({ budgetUsd: 10 })
  const ahead = async (): Promise<Permit> => quota.admit({ requests: 0, usd: 5 }, { place: false })
  ;(await ahead()).settle({ outcome: "ignored", actual: { requests: 0, usd: -1 } })
  const permit = await ahead()
  expect(() => permit.settle({ outcome: "ignored", actual: { requests: 0, us: 1 } as never })).toThrow(
    'settle: unknown option "actual.us". Did you mean "usd"?',
  )
})

test("a delay that an error names and that is none is of no account: the item fails with its own error", async () => {
  const quota = awakeQuota({ concurrency: 1 })
  const failing = (retryAfterMs: number) =>
    parallelMap(
      [1],
      () => {
        throw Object.assign(new Error("429"), { status: 503, retryAfterMs })
      },
      { limiter: quota, onError: "collect" },
    )
  for (const delay of [-5, Number.NaN]) {
    const [outcome] = await Array.fromAsync(failing(delay))
    expect(outcome).toMatchObject({ status: "failed", error: { message: "429" } })
  }
})
