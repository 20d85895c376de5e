import type { QuotaLimits, RateName } from "@sluice/scheduler"
import { type Alternative, alternativesTo } from "./alternatives.ts"
import { planDefaults, readPlannedCalls, type PlannedCall, type PlanOptions } from "./plan-options.ts"
import type { RunSetting } from "./run-setting.ts"
import { simulateRun, type SimulatedRun } from "./simulate-run.ts"

/** What a run will take, before anything is spent. Plain data. */
export interface Plan {
  readonly model?: string
  readonly calls: number
  readonly tokens: { readonly input: number; readonly output: number }
  /** Absent without prices. */
  readonly usd?: { readonly online: number; readonly batch: number }
  readonly online: {
    readonly timeMs: number
    /** The limit whose doubling would save most; `latency` when none would save anything to speak of. */
    readonly boundBy: RateName | "concurrency" | "latency"
    readonly maxInFlight: number
    readonly meanInFlight: number
    /** Fewer than `calls` where there are more than `simulateAtMost`: what they lead to is the time of all. */
    readonly simulatedCalls: number
    /** Of the simulated calls: starts in each of at most 60 equal stretches. */
    readonly timeline: { readonly stretchMs: number; readonly started: readonly number[] }
  }
  readonly batch: { readonly jobs: number; readonly typicalMs: number; readonly atMostMs: number }
  /** What doubling each limit or lowering `max_tokens` would save, most first; all were simulated. */
  readonly savings: readonly {
    readonly change: string
    readonly timeMs: number
    readonly savesMs: number
    /** Where the change shortens answers, and prices are known. */
    readonly savesUsd?: number
  }[]
  /** For a run with a fixed concurrency: the smallest that was tried and costs at most 3 % of the time. */
  readonly suggestedConcurrency: number
}

/**
 * Plans a run: tokens, dollars, time online and by the vendor's batch API, which limit binds, and what would help.
 *
 * The time is not a formula: the real scheduler runs all calls against a simulated vendor that has exactly these limits, on a
 * virtual clock, so that plan and run agree as far as sizes and latency do: one unforeseen long answer at the very end shows
 * in a short run. Same input, same plan.
 *
 * @throws SluiceError `invalid-option` naming the path; `item-failed` when a call can never fit (its `cause` has the numbers).
 * @example
 * ```ts
 * const { online, usd } = await plan({
 *   calls: { count: 600, inputTokens: 1_000, outputTokens: 200 },
 *   limits: { requestsPerMinute: 5_000, inputTokensPerMinute: { limit: 60_000, kind: "bucket" } },
 *   prices: { inputUsdPerMillion: 0.25, outputUsdPerMillion: 2 },
 * })
 * Math.round(online.timeMs / 60_000) // => 9
 * online.boundBy // => "inputTokensPerMinute"
 * usd // => { online: 0.39, batch: 0.195 }
 * ```
 */
export async function plan(options: PlanOptions): Promise<Plan> {
  const calls = readPlannedCalls(options)
  const { budgetUsd: _budget, ...limits } = options.limits
  const setting: RunSetting = {
    limits,
    concurrency: options.concurrency ?? "auto",
    chargesMaxTokens: options.chargesMaxTokens ?? false,
    latency: { ...planDefaults.latency, ...options.latency },
    networkMs: options.networkMs ?? planDefaults.networkMs,
    seed: options.seed ?? 1,
    atMost: options.simulateAtMost ?? planDefaults.simulateAtMost,
  }
  const run = await simulateRun(calls, setting)
  const spent = spending(calls, options)
  const savings: (Plan["savings"][number] & Pick<Alternative, "limit">)[] = []
  for (const { change, limit, calls: changed = calls, setting: other } of alternativesTo(calls, setting)) {
    const { timeMs } = await simulateRun(changed, { ...setting, ...other })
    const savesUsd = spent.usd && changed !== calls ? spent.usd.online - spending(changed, options).usd!.online : 0
    savings.push({ change, timeMs, savesMs: run.timeMs - timeMs, ...(savesUsd > 0 ? { savesUsd } : {}), limit })
  }
  savings.sort((a, b) => b.savesMs - a.savesMs)
  const best = savings.find(({ limit, savesMs }) => limit && savesMs > 0.02 * run.timeMs)
  return {
    ...(options.model === undefined ? {} : { model: options.model }),
    calls: calls.length,
    ...spent,
    online: {
      timeMs: run.timeMs,
      boundBy: best?.limit ?? "latency",
      maxInFlight: run.maxInFlight,
      meanInFlight: run.meanInFlight,
      simulatedCalls: run.simulatedCalls,
      timeline: timelineOf(run),
    },
    savings: savings.map(({ limit: _limit, ...saving }) => saving),
    suggestedConcurrency: await suggestConcurrency(calls, setting, run),
  }
}

function spending(
  calls: readonly PlannedCall[],
  { prices, batch }: PlanOptions,
): Pick<Plan, "tokens" | "usd" | "batch"> {
  let input = 0
  let output = 0
  for (const call of calls) {
    input += call.inputTokens
    output += call.outputTokens
  }
  const { maxRequests, maxEnqueuedTokens = Infinity, typicalMs, atMostMs } = { ...planDefaults.batch, ...batch }
  const jobs = Math.max(Math.ceil(calls.length / maxRequests), Math.ceil(input / maxEnqueuedTokens))
  // What does not fit into the queue waits for what does.
  const rounds = Math.max(1, Math.ceil(input / maxEnqueuedTokens))
  const times = { jobs, typicalMs: rounds * typicalMs, atMostMs: rounds * atMostMs }
  if (!prices) return { tokens: { input, output }, batch: times }
  const { inputUsdPerMillion, outputUsdPerMillion, batchDiscount = planDefaults.batchDiscount } = prices
  const online = (input * inputUsdPerMillion + output * outputUsdPerMillion) / 1e6
  return { tokens: { input, output }, usd: { online, batch: online * (1 - batchDiscount) }, batch: times }
}

function timelineOf({ starts }: SimulatedRun): Plan["online"]["timeline"] {
  const seconds = 1 + starts.reduce((last, { second }) => Math.max(last, second), 0)
  const stretchSeconds = Math.ceil(seconds / 60)
  const started = new Array<number>(Math.ceil(seconds / stretchSeconds)).fill(0)
  for (const { second, starts: count } of starts) started[Math.floor(second / stretchSeconds)]! += count
  return { stretchMs: stretchSeconds * 1_000, started }
}

async function suggestConcurrency(
  calls: readonly PlannedCall[],
  setting: RunSetting,
  run: SimulatedRun,
): Promise<number> {
  const { concurrency: _slots, ...rates } = setting.limits
  const free: QuotaLimits = rates
  const most = Math.min(run.maxInFlight, calls.length)
  for (let tried = Math.max(1, Math.ceil(1.2 * run.meanInFlight)); tried < most; tried = Math.ceil(1.5 * tried)) {
    const { timeMs } = await simulateRun(calls, { ...setting, limits: free, concurrency: tried })
    if (timeMs <= 1.03 * run.timeMs) return tried
  }
  return Math.max(1, most)
}
