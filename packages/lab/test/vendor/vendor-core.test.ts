import { describe, expect, it } from "vitest"
import {
  createVendorCore,
  type Admission,
  type VendorRefusal,
  type VendorCall,
  type VendorCore,
  type VendorOptions,
} from "../../src/index.ts"

const call: VendorCall = { inputTokens: 100, outputTokens: 50 }

function vendor(options: VendorOptions): { core: VendorCore; at: (ms: number) => VendorCore } {
  let nowMs = 7_000
  const core = createVendorCore({ ...options, clock: { now: () => nowMs } })
  return {
    core,
    at(ms) {
      nowMs = 7_000 + ms
      return core
    },
  }
}
const admitted = (verdict: Admission | VendorRefusal): Admission => {
  if (!verdict.admitted) throw new Error(`refused: ${verdict.message}`)
  return verdict
}
const refused = (verdict: Admission | VendorRefusal): VendorRefusal => {
  if (verdict.admitted) throw new Error("admitted")
  return verdict
}

describe("admission", () => {
  it("takes every dimension at once or none", () => {
    const { at } = vendor({ limits: { requests: { limit: 60, burst: 2 }, inputTokens: { limit: 6000, burst: 150 } } })
    admitted(at(0).arrive(call))
    const no = refused(at(0).arrive(call))
    expect(no).toMatchObject({ status: 429, reason: "rate", dimension: "inputTokens", limit: 6000, requested: 100 })
    // The refusal took no request: one is left beside what came back.
    expect(no.limits?.[0]).toMatchObject({ dimension: "requests", remaining: 1 })
    admitted(at(500).arrive(call))
  })

  it("names the numbers and the delay", () => {
    const { at } = vendor({ limits: { requests: { limit: 60, burst: 1 } } })
    at(0).arrive(call)
    const no = refused(at(366).arrive(call))
    expect(no.retryAfterMs).toBe(634)
    expect(no.message).toBe(
      "Rate limit reached on requests per min (RPM): Limit 60, Used 60, Requested 1. Please try again in 634ms.",
    )
  })

  it.each([
    ["exact", 634],
    ["seconds", 1000],
    ["none", undefined],
  ] as const)("retryAfter %s", (retryAfter, expected) => {
    const { at } = vendor({ retryAfter, limits: { requests: { limit: 60, burst: 1 } } })
    at(0).arrive(call)
    expect(refused(at(366).arrive(call)).retryAfterMs).toBe(expected)
  })

  it("charges max_tokens at arrival and keeps it, when it is that kind of vendor", () => {
    const { at } = vendor({ chargeMaxTokens: true, limits: { tokens: 1000 } })
    const first = admitted(at(0).arrive({ ...call, maxTokens: 800 }))
    first.finish("answered")
    expect(at(0).limits()).toEqual([{ dimension: "tokens", limit: 1000, remaining: 100, resetMs: 54_000 }])
  })

  it("charges input at arrival and output when it is there, when it is the other kind", () => {
    const { at } = vendor({ limits: { tokens: 1000, inputTokens: 1000, outputTokens: 40 } })
    const first = admitted(at(0).arrive({ ...call, maxTokens: 800 }))
    expect(
      at(0)
        .limits()
        ?.map(({ remaining }) => remaining),
    ).toEqual([900, 900, 40])
    first.finish("answered")
    first.finish("answered")
    expect(
      at(0)
        .limits()
        ?.map(({ remaining }) => remaining),
    ).toEqual([850, 900, 0])
    // 10 in debt: the next begins when one token is there.
    expect(refused(at(0).arrive(call))).toMatchObject({ dimension: "outputTokens", retryAfterMs: 16_500 })
    expect(at(0).truth()).toMatchObject({ answered: 1, outputTokens: 50, inFlight: 0 })
  })

  it("cuts output at max_tokens", () => {
    expect(admitted(vendor({}).core.arrive({ ...call, maxTokens: 20 })).outputTokens).toBe(20)
  })

  it("refuses what can never fit, apart from what must wait", () => {
    const { core } = vendor({ limits: { inputTokens: 50 } })
    expect(refused(core.arrive(call))).toMatchObject({ status: 413, reason: "tooLarge", dimension: "inputTokens" })
    expect(core.msUntilAdmitted(call)).toBe(Infinity)
  })

  it("counts calls at once", () => {
    const { core } = vendor({ limits: { concurrency: { limit: 2, status: 529 } } })
    const first = admitted(core.arrive(call))
    admitted(core.arrive(call))
    const no = refused(core.arrive(call))
    expect(no).toMatchObject({ status: 529, reason: "concurrency" })
    expect(no.retryAfterMs).toBeUndefined()
    first.finish("cancelled")
    admitted(core.arrive(call))
    expect(core.truth()).toMatchObject({ maxInFlight: 2, inFlight: 2, failed: { cancelled: 1 } })
  })

  it("has daily totals that come back with the vendor's day", () => {
    const { at } = vendor({ limits: { requests: 60, requestsPerDay: 1 } })
    admitted(at(1000).arrive(call))
    expect(refused(at(3_600_000).arrive(call))).toMatchObject({ reason: "daily", retryAfterMs: 82_800_000 })
    admitted(at(86_400_000).arrive(call))
  })

  it("charges refused calls a request, if it is that kind, at most one window deep", () => {
    for (const [chargeRefused, waitMs] of [
      [false, 1000],
      [true, 61_000],
    ] as const) {
      const { at } = vendor({ chargeRefused, limits: { requests: { limit: 60, burst: 1 } } })
      at(0).arrive(call)
      for (let hammer = 0; hammer < 500; hammer++) at(0).arrive(call)
      expect(at(0).msUntilAdmitted(call)).toBe(waitMs)
    }
  })

  it("caps growth", () => {
    const { at } = vendor({ ramp: { growthPerMinute: 2, freePerMinute: 60 } })
    const perSecond: number[] = []
    for (let second = 0; second < 200; second++) {
      let starts = 0
      while (starts < 1000 && at(second * 1000).arrive(call).admitted) starts++
      perSecond.push(starts)
    }
    const sum = (from: number, to: number): number =>
      perSecond.slice(Math.max(0, from), Math.max(0, to)).reduce((total, starts) => total + starts, 0)
    for (let second = 0; second < 200; second++) {
      const [short, long] = [sum(second - 9, second + 1), sum(second - 69, second - 9)]
      expect([second, short * 6 <= Math.max(60, 2 * long)]).toEqual([second, true])
    }
    expect(sum(0, 10)).toBe(10)
    expect(sum(190, 200)).toBeGreaterThan(60)
    const no = refused(at(199_500).arrive(call))
    expect(no).toMatchObject({ status: 429, reason: "ramp" })
    admitted(at(199_500 + (no.retryAfterMs ?? 0)).arrive(call))
  })

  it("changes its limits on schedule, also when nobody called meanwhile", () => {
    const { at } = vendor({
      limits: { requests: { limit: 60, burst: 3 }, concurrency: 9 },
      schedule: [
        { atMs: 20_000, limits: { requests: 60 } },
        { atMs: 10_000, limits: { requests: 20, concurrency: 1 } },
      ],
    })
    at(10_000)
    const first = admitted(at(10_000).arrive(call))
    expect(refused(at(10_000).arrive(call)).reason).toBe("concurrency")
    first.finish("answered")
    expect(refused(at(10_000).arrive(call))).toMatchObject({ limit: 20, retryAfterMs: 3000 })
    expect(at(25_000).limits()?.[0]).toMatchObject({ limit: 60, remaining: 3 })
  })

  it("lets co-tenants use the same limits, by their own seed", () => {
    const share = (seed: number): { ours: number; theirs: number } => {
      const { at } = vendor({
        seed,
        limits: { requests: { limit: 600, burst: 5 } },
        coTenants: [{ requestsPerMinute: 300, fromMs: 60_000, toMs: 180_000 }],
      })
      let ours = 0
      for (let ms = 0; ms < 240_000; ms += 130) if (at(ms).arrive(call).admitted) ours++
      return { ours, theirs: at(240_000).truth().coTenantCalls }
    }
    const first = share(1)
    expect(share(1)).toEqual(first)
    expect(share(2)).not.toEqual(first)
    // Ours alone: 462 a minute, all served; for two minutes what theirs leave.
    expect(first.theirs).toBeGreaterThan(550)
    expect(first.theirs).toBeLessThan(650)
    expect(first.ours + first.theirs).toBeLessThanOrEqual(2 * 462 + 2 * 600 + 10)
    expect(first.ours + first.theirs).toBeGreaterThan(2 * 462 + 2 * 600 - 60)
  })
})

describe("headers", () => {
  const limits = { requests: 500, inputTokens: 200_000, outputTokens: 40_000 }
  const call: VendorCall = { inputTokens: 1_234, outputTokens: 50 }
  const read = (headers: VendorOptions["headers"]): unknown =>
    admitted(vendor({ headers: headers ?? "none", limits }).core.arrive(call)).limits

  it("tell the exact figures of the moment of admission", () => {
    expect(read("openai")).toEqual([
      { dimension: "requests", limit: 500, remaining: 499, resetMs: 120 },
      { dimension: "inputTokens", limit: 200_000, remaining: 198_766, resetMs: 371 },
      { dimension: "outputTokens", limit: 40_000, remaining: 40_000, resetMs: 0 },
    ])
  })
  it("round tokens to the nearest 1,000 and resets to whole seconds, as Anthropic does", () => {
    expect(read("anthropic")).toEqual([
      { dimension: "requests", limit: 500, remaining: 499, resetMs: 1000 },
      { dimension: "inputTokens", limit: 200_000, remaining: 199_000, resetMs: 1000, roundedTo: 1000 },
      { dimension: "outputTokens", limit: 40_000, remaining: 40_000, resetMs: 0, roundedTo: 1000 },
    ])
  })
  it("round without saying so, lie, or say nothing", () => {
    expect(read("rounded")).toContainEqual({
      dimension: "inputTokens",
      limit: 200_000,
      remaining: 199_000,
      resetMs: 371,
    })
    expect(read("wrong")).toContainEqual({ dimension: "inputTokens", limit: 200_000, remaining: 200_000, resetMs: 371 })
    expect(read("none")).toBeUndefined()
  })
  it("speak of the day where there is no minute", () => {
    expect(admitted(vendor({ limits: { requestsPerDay: 1000 } }).core.arrive(call)).limits).toEqual([
      { dimension: "requests", limit: 1000, remaining: 999, resetMs: 86_400_000, windowMs: 86_400_000 },
    ])
  })
})

describe("faults", () => {
  it("come at their rate, the same for a call whatever the order", () => {
    const fates = (ids: number[]): Map<number, string> => {
      const { core } = vendor({ faults: { rates: { error500: 0.03, error529: 0.02 } } })
      return new Map(
        ids.map((id) => {
          const verdict = core.arrive({ ...call, id: `item-${id}` })
          return [id, verdict.admitted ? (verdict.fault ?? "fine") : String(verdict.status)]
        }),
      )
    }
    const ids = Array.from({ length: 10_000 }, (_, id) => id)
    const forwards = fates(ids)
    expect(fates(ids.toReversed())).toEqual(new Map([...forwards].toReversed()))
    const count = (fate: string): number => [...forwards.values()].filter((value) => value === fate).length
    expect(Math.abs(count("error500") - 300)).toBeLessThan(60)
    expect(Math.abs(count("529") - 200)).toBeLessThan(50)
  })

  it("meet a refused call again when it returns, and another try anew", () => {
    const { at } = vendor({ limits: { requests: { limit: 60, burst: 1 } }, faults: { rates: { reset: 0.5 } } })
    const fates = Array.from({ length: 20 }, (_, second) => {
      const fate = admitted(at(second * 1000).arrive({ ...call, id: "same" })).fault
      for (let hammer = 0; hammer < 3; hammer++) refused(at(second * 1000).arrive({ ...call, id: "same" }))
      return fate
    })
    expect(new Set(fates)).toEqual(new Set([undefined, "reset"]))
    const { at: calm } = vendor({ faults: { rates: { reset: 0.5 } } })
    expect(
      Array.from({ length: 20 }, (_, second) => admitted(calm(second * 1000).arrive({ ...call, id: "same" })).fault),
    ).toEqual(fates)
  })

  it("come on schedule, for one key if so said", () => {
    const { at } = vendor({
      faults: {
        schedule: [
          { kind: "outage", fromMs: 1000, toMs: 2000 },
          { kind: "error503", fromMs: 2000, toMs: 3000 },
          { kind: "billing", fromMs: 3000, key: "b" },
          { kind: "keyRefused", fromMs: 0, key: "stolen" },
        ],
      },
    })
    admitted(at(999).arrive(call))
    expect(at(1500).msUntilAdmitted(call)).toBe(1500)
    expect(refused(at(1500).arrive(call))).toMatchObject({ status: 0, reason: "outage" })
    expect(refused(at(2500).arrive(call))).toMatchObject({ status: 503, reason: "overloaded" })
    expect(refused(at(3000).arrive({ ...call, key: "b" }))).toMatchObject({ status: 429, reason: "billing" })
    expect(refused(at(3000).arrive({ ...call, key: "stolen" }))).toMatchObject({ status: 401, reason: "key" })
    expect(at(3000).msUntilAdmitted({ ...call, key: "b" })).toBe(Infinity)
    admitted(at(3000).arrive({ ...call, key: "a" }))
  })
})

describe("latency", () => {
  it("is base and time per token", () => {
    const { core } = vendor({ latency: { baseMs: 400, perOutputTokenMs: 20 } })
    expect(core.arrive(call)).toMatchObject({ firstTokenMs: 400, totalMs: 1400 })
  })
  it("grows beyond the knee and refuses nothing", () => {
    const { core } = vendor({ latency: { baseMs: 100, perOutputTokenMs: 0, knee: { at: 4 } } })
    expect(Array.from({ length: 8 }, () => admitted(core.arrive(call)).totalMs)).toEqual([
      100, 100, 100, 100, 125, 150, 175, 200,
    ])
    const { core: worse } = vendor({ latency: { baseMs: 100, perOutputTokenMs: 0, knee: { at: 4, exponent: 2 } } })
    for (let running = 0; running < 7; running++) worse.arrive(call)
    expect(admitted(worse.arrive(call)).totalMs).toBe(400)
  })
  it("has a heavy tail that belongs to the call", () => {
    const times = (from: number): number[] => {
      const { core } = vendor({ latency: { heavyTail: 0.7 } })
      return Array.from(
        { length: 1000 },
        (_, id) => admitted(core.arrive({ ...call, id: `item-${(id + from) % 1000}` })).totalMs,
      )
    }
    const sorted = times(0).sort((a, b) => a - b)
    expect(times(500).sort((a, b) => a - b)).toEqual(sorted)
    expect(sorted[500]! / 800).toBeCloseTo(1, 0)
    expect(sorted[990]! / sorted[500]!).toBeGreaterThan(3)
  })
})

describe("truth", () => {
  it("counts what happened, by reason and by second", () => {
    const { at } = vendor({ limits: { requests: { limit: 60, burst: 2 } } })
    admitted(at(100).arrive({ ...call, id: "a" })).finish("answered")
    const second = admitted(at(200).arrive({ ...call, id: "a" }))
    at(300).arrive({ ...call, id: "b" })
    second.finish("answered")
    admitted(at(1900).arrive({ ...call, id: "b" })).finish("reset")
    expect(at(2000).truth()).toEqual({
      arrived: 4,
      answered: 2,
      refused: 1,
      refusedByReason: { "rate:requests": 1 },
      failed: { reset: 1 },
      inFlight: 0,
      maxInFlight: 1,
      inputTokens: 200,
      outputTokens: 100,
      repeats: 1,
      perSecond: [
        { second: 0, starts: 2, refusals: 1 },
        { second: 1, starts: 1, refusals: 0 },
      ],
      utilisation: { requests: 3 / 3.8 },
      coTenantCalls: 0,
      firstArrivalMs: 100,
      lastAnswerMs: 300,
    })
  })

  it("knows the share of the quota that was used while work was waiting", () => {
    for (const [everyMs, expected] of [
      [1000, 1],
      [2000, 0.5],
    ] as const) {
      const { at } = vendor({ limits: { requests: { limit: 60, burst: 1 } } })
      for (let ms = 0; ms <= 600_000; ms += everyMs) admitted(at(ms).arrive(call))
      expect(at(600_000).truth().utilisation.requests).toBeCloseTo(expected, 2)
    }
  })
})
