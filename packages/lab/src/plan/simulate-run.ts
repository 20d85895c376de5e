import type { RunSetting } from "./run-setting.ts"
import { createQuota, parallelMap } from "@sluice/scheduler"
import { callThrough } from "../scenarios/limiter-contestant.ts"
import { luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { VendorCall } from "../vendor/call.ts"
import { VirtualClock } from "../clock/virtual-clock.ts"
import { createVirtualVendor, type VirtualAnswer } from "../vendor/virtual-vendor.ts"
import { largest, type Scarcest, scarcest, spreadOverDays, totalOf } from "./demand.ts"
import type { PlannedCall } from "./plan-options.ts"
import { vendorOfLimits } from "./vendor-of-limits.ts"

export interface SimulatedRun {
  /** Of all calls, also when a part was simulated. */
  readonly timeMs: number
  readonly maxInFlight: number
  /** Over the whole run: Little's law's L. */
  readonly meanInFlight: number
  /** Starts by second. */
  readonly starts: readonly { readonly second: number; readonly starts: number }[]
  /** Fewer than all: `timeMs` is what these lead to. */
  readonly simulatedCalls: number
}

/** The real scheduler against a vendor with these limits, on a virtual clock. */
export async function simulateRun(calls: readonly PlannedCall[], setting: RunSetting): Promise<SimulatedRun> {
  const scarce = scarcest(calls, setting)
  const total = totalOf(scarce.weightOf, calls)
  // The end of what is simulated must go at the steady pace, when what stood ready at the start is gone.
  const slots = setting.concurrency === "auto" ? 0 : setting.concurrency
  const steadyAfter = Math.max((scarce.standing * calls.length) / total, slots)
  const size = Math.max(setting.atMost, Math.ceil(1.5 * steadyAfter + (scarce.period * calls.length) / total))
  if (calls.length <= size) return (await runAll(calls, setting)).run
  // Every n-th, so that calls sorted by size are represented like any others.
  const part = Array.from({ length: size }, (_, at) => calls[Math.floor((at * calls.length) / size)]!)
  const { requestsPerDay: _requests, tokensPerDay: _tokens, ...limits } = setting.limits
  const inDay = { ...setting, limits }
  // A call that can never be sent may not be among them.
  await runAll(largest(calls, inDay), inDay)
  const { run, starts } = await runAll(part, inDay)
  const rest = total - totalOf(scarce.weightOf, part)
  const timeMs = run.timeMs + rest * steadyPace(starts, scarce)
  return { ...run, timeMs: spreadOverDays(calls, timeMs, setting) }
}

interface Start {
  readonly atMs: number
  readonly call: PlannedCall
}

/** Milliseconds for each unit of weight, over the last quarter, or as many whole periods as that has. */
function steadyPace(starts: readonly Start[], { weightOf, period }: Scarcest): number {
  const weights = starts.map(({ call }) => weightOf(call))
  const quarter = weights.reduce((sum, weight) => sum + weight, 0) / 4
  const span = period > 0 ? Math.max(1, Math.floor(quarter / period)) * period : quarter
  let at = starts.length - 1
  let weight = 0
  while (at > 0 && weight < span) weight += weights[at--]!
  return (starts.at(-1)!.atMs - starts[at]!.atMs) / weight
}

async function runAll(
  calls: readonly PlannedCall[],
  setting: RunSetting,
): Promise<{ run: SimulatedRun; starts: Start[] }> {
  const { limits, concurrency, chargesMaxTokens, latency, networkMs, seed } = setting
  const clock = new VirtualClock({ settles: "promises" })
  const random = seededRandom(luckOf(seed, "plan") * 2 ** 32)
  const vendor = createVirtualVendor({
    clock,
    limits: vendorOfLimits(limits, clock.wallNow()),
    chargeMaxTokens: chargesMaxTokens,
    latency,
    networkMs,
    seed,
  })
  const quota = createQuota({ ...limits, onExhausted: "pause", clock, random })
  let busyMs = 0
  const starts: Start[] = []
  const env = { clock, random, chargesMaxTokens, call: timed }
  const named = calls.map((call, index) => ({ ...call, id: `call-${index}` }))
  const outcomes = parallelMap(named, async (call) => await callThrough(quota, env, call), {
    concurrency,
    clock,
    random,
    order: "completion",
  })
  async function timed(call: VendorCall): Promise<VirtualAnswer> {
    const atMs = clock.now()
    starts.push({ atMs, call })
    try {
      return await vendor.call(call)
    } finally {
      busyMs += clock.now() - atMs
    }
  }
  await clock.run(
    (async () => {
      // A call that cannot be planned rejects here, with the quota's own words.
      for await (const outcome of outcomes) void outcome
    })(),
  )
  const timeMs = clock.now()
  const { maxInFlight, perSecond } = vendor.truth()
  const meanInFlight = timeMs > 0 ? busyMs / timeMs : 0
  const perSecondStarts = perSecond.map(({ second, starts: count }) => ({ second, starts: count }))
  return { run: { timeMs, maxInFlight, meanInFlight, starts: perSecondStarts, simulatedCalls: calls.length }, starts }
}
