import { createQuota } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import {
  callsOf,
  limiterContestant,
  lognormal,
  plan,
  runScenario,
  seededRandom,
  type PlanOptions,
} from "../src/index.ts"

const minutes = (ms: number): number => ms / 60_000
const calls = { count: 600, inputTokens: 1_000, outputTokens: 200 }
const bucket = (limit: number) => ({ limit, kind: "bucket" }) as const

describe("plan", () => {
  it("adds up tokens and dollars, online and by batch", async () => {
    const result = await plan({
      calls,
      limits: { requestsPerMinute: 6_000 },
      model: "gpt-x",
      prices: { inputUsdPerMillion: 0.25, outputUsdPerMillion: 2 },
    })
    expect(result).toMatchObject({
      model: "gpt-x",
      calls: 600,
      tokens: { input: 600_000, output: 120_000 },
      batch: { jobs: 1, typicalMs: 3_600_000, atMostMs: 86_400_000 },
    })
    expect(result.usd?.online).toBeCloseTo(0.39, 10)
    expect(result.usd?.batch).toBeCloseTo(0.195, 10)
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
    expect((await plan({ calls, limits: {}, batch: { maxEnqueuedTokens: 250_000 } })).batch).toEqual({
      jobs: 3,
      typicalMs: 3 * 3_600_000,
      atMostMs: 3 * 86_400_000,
    })
  })

  it("names the limit that binds, and what doubling it saves", async () => {
    const limits = {
      requestsPerMinute: bucket(5_000),
      inputTokensPerMinute: bucket(60_000),
      outputTokensPerMinute: bucket(100_000),
    }
    const result = await plan({ calls, limits })
    // 600,000 tokens, of which a minute's worth stands ready.
    expect(minutes(result.online.timeMs)).toBeGreaterThan(8.95)
    expect(minutes(result.online.timeMs)).toBeLessThan(9.3)
    expect(result.online.boundBy).toBe("inputTokensPerMinute")
    expect(result.savings[0]).toMatchObject({ change: "double inputTokensPerMinute" })
    expect(minutes(result.savings[0]!.savesMs)).toBeGreaterThan(4.8)
    expect(result.savings.slice(1).every(({ savesMs }) => Math.abs(savesMs) < 0.02 * result.online.timeMs)).toBe(true)
    expect((await plan({ calls, limits: { ...limits, requestsPerMinute: bucket(30) } })).online.boundBy).toBe(
      "requestsPerMinute",
    )
  })

  it("says when latency or concurrency decides", async () => {
    const wide = { requestsPerMinute: bucket(60_000) }
    expect((await plan({ calls, limits: wide, latency: { baseMs: 20_000 } })).online.boundBy).toBe("latency")
    const narrow = await plan({ calls, limits: wide, concurrency: 2 })
    expect(narrow.online.boundBy).toBe("concurrency")
    expect(narrow.online.maxInFlight).toBe(2)
    expect((await plan({ calls, limits: { ...wide, concurrency: 2 } })).online.boundBy).toBe("concurrency")
  })

  it("says what lowering max_tokens saves, where it is charged", async () => {
    const sized = { ...calls, maxTokens: 4_000 }
    const limits = { tokensPerMinute: bucket(300_000) }
    const charged = await plan({ calls: sized, limits, chargesMaxTokens: true })
    const lower = charged.savings.find(({ change }) => change === "lower max_tokens to 200")
    // 5,000 against 1,200 a call.
    expect(minutes(charged.online.timeMs)).toBeGreaterThan(8.9)
    expect(minutes(lower!.timeMs)).toBeLessThan(1.7)
    expect((await plan({ calls: sized, limits })).savings.map(({ change }) => change)).toEqual([
      "double tokensPerMinute",
    ])
  })

  it("suggests a concurrency that costs next to nothing", async () => {
    const options: PlanOptions = {
      calls,
      limits: { requestsPerMinute: { limit: 300, kind: "bucket", burst: 10 } },
      latency: { baseMs: 2_000, perOutputTokenMs: 10 },
    }
    const result = await plan(options)
    // Little: 5 a second for 4 s each.
    expect(result.suggestedConcurrency).toBeGreaterThanOrEqual(20)
    expect(result.suggestedConcurrency).toBeLessThan(32)
    expect((await plan({ ...options, concurrency: result.suggestedConcurrency })).online.timeMs).toBeLessThan(
      1.03 * result.online.timeMs,
    )
    expect((await plan({ ...options, concurrency: 10 })).online.timeMs).toBeGreaterThan(1.5 * result.online.timeMs)
  })

  it("shows the course of the run", async () => {
    const { online } = await plan({ calls, limits: { requestsPerMinute: bucket(200) } })
    const { started, stretchMs } = online.timeline
    expect(started.reduce((sum, count) => sum + count, 0)).toBe(600)
    expect(started.length).toBeLessThanOrEqual(60)
    expect(started.length * stretchMs).toBeGreaterThan(115_000)
    expect(started[0]).toBeGreaterThan(190)
  })

  it("extrapolates a part to within 5 % of the whole", async () => {
    const random = seededRandom(1)
    const many = Array.from({ length: 6_000 }, () => ({
      inputTokens: Math.ceil(lognormal(random, 800, 0.8)),
      outputTokens: Math.ceil(lognormal(random, 150, 0.8)),
    }))
    const limits = { requestsPerMinute: bucket(600), inputTokensPerMinute: bucket(300_000) }
    const whole = await plan({ calls: many, limits })
    const part = await plan({ calls: many, limits, simulateAtMost: 1_500 })
    expect([whole.online.simulatedCalls, part.online.simulatedCalls]).toEqual([6_000, 1_500])
    expect(Math.abs(part.online.timeMs / whole.online.timeMs - 1)).toBeLessThan(0.05)
  })

  it("agrees within 5 % with a run whose answers differ in length and latency", async () => {
    const limits = { requestsPerMinute: bucket(300), inputTokensPerMinute: bucket(200_000) }
    const scenario = {
      name: "run",
      title: "run",
      // Answers of about 170 tokens on average. (One of 4,000 at the very end would hold up the run for a minute.)
      calls: {
        count: 1_500,
        inputTokens: { median: 500, sigma: 1, max: 30_000 },
        outputTokens: { median: 109, sigma: 1, max: 1_000 },
      },
      vendor: {
        limits: { requests: 300, inputTokens: 200_000 },
        latency: { baseMs: 600, perOutputTokenMs: 15, heavyTail: 0.4 },
      },
      told: limits,
    }
    // Inputs are known before a run, answers are not.
    const known = callsOf(scenario, 1).map(({ inputTokens }) => ({ inputTokens, outputTokens: 180 }))
    const expected = await plan({ calls: known, limits })
    const run = await runScenario(
      scenario,
      limiterContestant(({ clock, random, told }) => createQuota({ ...told, clock, random })),
    )
    expect(run.lost).toBe(0)
    expect(Math.abs(expected.online.timeMs / run.timeMs - 1)).toBeLessThan(0.05)
  })

  it("refuses nonsense by name, and a call that can never be sent", async () => {
    await expect(plan({ calls: { ...calls, count: 0 }, limits: {} })).rejects.toMatchObject({ code: "invalid-option" })
    await expect(plan({ calls: [], limits: {} })).rejects.toThrow(/at least one call/)
    await expect(plan({ calls: [{ inputTokens: -1, outputTokens: 1 }], limits: {} })).rejects.toThrow(
      /calls\.0\.inputTokens/,
    )
    await expect(
      plan({ calls: [{ inputTokens: 90_000, outputTokens: 1 }], limits: { inputTokensPerMinute: 60_000 } }),
    ).rejects.toThrow(/can never be sent/)
  })
})
