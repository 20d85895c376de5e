import { describe, expect, it } from "vitest"
import {
  callsOf,
  createLimitModel,
  runScenario,
  scenarioNamed,
  scenarios,
  type Contestant,
  type ContestantEnv,
  type LimitModel,
  type ToldRate,
} from "../../src/index.ts"

const sleep = (env: ContestantEnv, ms: number): Promise<void> =>
  new Promise((resolve) => void env.clock.setTimer(ms, resolve))
type Call = ContestantEnv["calls"][number]

/** Tries until there is an answer. */
async function insist(env: ContestantEnv, call: Call, most = Infinity): Promise<void> {
  for (let attempt = 1; attempt <= most; attempt++) {
    const answer = await env.call(call).catch(() => undefined)
    if (answer?.status === 200) return
    await sleep(env, answer?.retryAfterMs ?? 500)
  }
}

/** Everything at once, each on its own: what people write first. */
const herd: Contestant = async (env) => void (await Promise.all(env.calls.map((call) => insist(env, call))))

/** So many at a time. */
const workers =
  (count: number, most?: number): Contestant =>
  async (env) => {
    const queue = [...env.calls]
    const work = async (): Promise<void> => {
      for (let call = queue.shift(); call; call = queue.shift()) await insist(env, call, most)
    }
    await Promise.all(Array.from({ length: count }, work))
  }

/** Knows the models, as the oracle does, and keeps to what it was told: the least a limiter has to reach. */
const pacer: Contestant = async (env) => {
  const modelOf = (rate: number | ToldRate | undefined): LimitModel | undefined => {
    if (rate === undefined) return undefined
    const { limit, kind = "bucket", burst } = typeof rate === "number" ? { limit: rate } : rate
    return createLimitModel({ limit, model: kind, ...(burst ? { burst } : {}) }, env.clock.now())
  }
  const [requests, input, output] = [
    env.told.requestsPerMinute,
    env.told.inputTokensPerMinute,
    env.told.outputTokensPerMinute,
  ].map(modelOf)
  const running: Promise<void>[] = []
  for (const call of env.calls) {
    for (;;) {
      const nowMs = env.clock.now() + 20
      const waitMs = Math.max(
        requests?.msUntil(nowMs, 1) ?? 0,
        input?.msUntil(nowMs, call.inputTokens) ?? 0,
        output?.msUntil(nowMs, call.outputTokens) ?? 0,
      )
      if (waitMs <= 0) break
      await sleep(env, waitMs)
    }
    const nowMs = env.clock.now() + 20
    requests?.take(nowMs, 1)
    input?.take(nowMs, call.inputTokens)
    output?.take(nowMs, call.outputTokens)
    running.push(insist(env, call))
  }
  await Promise.all(running)
}

describe("scenarios", () => {
  it("have names of their own, and calls that repeat by seed", () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
    const scenario = scenarioNamed("tokens-bind")
    expect(callsOf(scenario, 1)).toEqual(callsOf(scenario, 1))
    expect(callsOf(scenario, 1)).not.toEqual(callsOf(scenario, 2))
    const sizes = callsOf(scenario, 1)
      .map(({ inputTokens }) => inputTokens)
      .sort((a, b) => a - b)
    expect(sizes[1_950]! / sizes[50]!).toBeGreaterThan(40)
    expect(() => scenarioNamed("nope")).toThrow(/Known: requests-bind/)
  })

  it.each(["requests-bind", "tokens-bind", "full-minute", "told-slices", "told-sliding", "told-fixed"])(
    "%s: who keeps to what it was told is never refused and nearly as fast as the oracle",
    async (name) => {
      const result = await runScenario(scenarioNamed(name), pacer)
      expect(result).toMatchObject({ refused: 0, lost: 0, repeated: 0, error: undefined })
      expect(result.ratio).toBeGreaterThan(0.99)
      expect(result.ratio).toBeLessThan(1.06)
    },
  )

  it.each(scenarios.filter(({ neverEnds }) => !neverEnds).map(({ name }) => name))(
    "%s: can be finished, and nobody beats the oracle by more than luck",
    async (name) => {
      const result = await runScenario(scenarioNamed(name), workers(name === "knee" ? 16 : 30), { calls: 500 })
      expect(result).toMatchObject({ answered: 500, lost: 0, repeated: 0 })
      expect(result.oracleMs).toBeGreaterThan(10_000)
      // First come, first served is not the best order for every tail.
      expect(result.ratio).toBeGreaterThan(0.9)
    },
  )

  it("holds 16 at the knee in the oracle's time, and 200 in more", async () => {
    const knee = scenarioNamed("knee")
    expect((await runScenario(knee, workers(16))).ratio).toBeLessThan(1.02)
    expect((await runScenario(knee, workers(200))).ratio).toBeGreaterThan(1.5)
    expect((await runScenario(knee, workers(8))).ratio).toBeGreaterThan(1.5)
  })

  it("sees a herd for what it is", async () => {
    const result = await runScenario(scenarioNamed("requests-bind"), herd, { calls: 200 })
    expect(result.refusedRatio).toBeGreaterThan(1)
    expect(result.lost).toBe(0)
  })

  it("tells refusals from faults", async () => {
    const result = await runScenario(scenarioNamed("faults"), workers(20), { calls: 500 })
    expect(result.refused).toBe(0)
    expect(result.faulted).toBe(result.truth.refused)
    expect(result.faulted).toBeGreaterThan(2)
    const slots = await runScenario(scenarioNamed("slots"), workers(40), { calls: 500 })
    expect(slots).toMatchObject({ faulted: 0, refused: slots.truth.refused })
    expect(slots.refused).toBeGreaterThan(100)
  })

  it("counts what was lost, and stops who cannot stop", async () => {
    const billing = scenarioNamed("billing")
    const gaveUp = await runScenario(billing, workers(50, 3))
    expect(gaveUp.ratio).toBeNaN()
    expect(gaveUp.lost).toBeGreaterThan(0)
    expect(gaveUp.answered + gaveUp.lost).toBe(2_000)
    expect(gaveUp.settledMs).toBeLessThan(3_600_000)
    const forEver = await runScenario(billing, workers(5), { giveUpMs: 600_000 })
    expect(forEver.settledMs).toBeUndefined()
    const thrown = await runScenario(billing, () => Promise.reject(new Error("no thanks")))
    expect(thrown).toMatchObject({ lost: 2_000, error: new Error("no thanks") })
  })

  it("gives the same result for the same seed", async () => {
    const faults = scenarioNamed("faults")
    const one = await runScenario(faults, workers(30), { calls: 600, networkJitterMs: 30 })
    expect(await runScenario(faults, workers(30), { calls: 600, networkJitterMs: 30 })).toEqual(one)
    expect(await runScenario(faults, workers(30), { calls: 600, networkJitterMs: 30, seed: 2 })).not.toEqual(one)
  })
})
