import { createQuota, parallelMap, type QuotaLimits } from "@sluice/scheduler"
import { callThrough } from "../scenarios/limiter-contestant.ts"
import { luckOf, seededRandom } from "../seeded-random.ts"
import type { LatencyOptions } from "../vendor-latency.ts"
import { VirtualClock } from "../virtual-clock.ts"
import { createVirtualVendor } from "../virtual-vendor.ts"
import type { PlannedCall } from "./plan-options.ts"
import { vendorOfLimits } from "./vendor-of-limits.ts"

export interface RunSetting {
  readonly limits: QuotaLimits
  readonly concurrency: number | "auto"
  readonly chargesMaxTokens: boolean
  readonly latency: LatencyOptions
  readonly networkMs: number
  readonly seed: number
  /** More calls are simulated in part. */
  readonly atMost: number
}

export interface SimulatedRun {
  readonly timeMs: number
  readonly maxInFlight: number
  /** Over the whole run: Little's law's L. */
  readonly meanInFlight: number
  /** Starts by second. */
  readonly starts: readonly { readonly second: number; readonly starts: number }[]
  /** Whether `timeMs` is what a part of the calls leads to. */
  readonly extrapolated: boolean
}

/** The real scheduler against a vendor with these limits, on a virtual clock. */
export async function simulateRun(calls: readonly PlannedCall[], setting: RunSetting): Promise<SimulatedRun> {
  const part = calls.length > setting.atMost ? calls.slice(0, setting.atMost) : calls
  const whole = await runAll(part, setting)
  if (part === calls) return { ...whole, extrapolated: false }
  // What stood ready at the start is used up in the first half; the second goes at the pace of the rest.
  const half = await runAll(part.slice(0, part.length / 2), setting)
  const weightOf = (some: readonly PlannedCall[]): number =>
    some.reduce((sum, call) => sum + call.inputTokens + call.outputTokens + 1, 0)
  const rest = weightOf(calls.slice(part.length)) / weightOf(part.slice(part.length / 2))
  return { ...whole, timeMs: whole.timeMs + (whole.timeMs - half.timeMs) * rest, extrapolated: true }
}

async function runAll(calls: readonly PlannedCall[], setting: RunSetting): Promise<Omit<SimulatedRun, "extrapolated">> {
  const { limits, concurrency, chargesMaxTokens, latency, networkMs, seed } = setting
  const clock = new VirtualClock()
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
  const env = { clock, random, chargesMaxTokens, call: vendor.call }
  let busyMs = 0
  const named = calls.map((call, index) => ({ ...call, id: `call-${index}` }))
  const outcomes = parallelMap(named, async (call) => await callThrough(quota, { ...env, call: timed }, call), {
    concurrency,
    clock,
    random,
    order: "completion",
  })
  async function timed(...call: Parameters<typeof vendor.call>): ReturnType<typeof vendor.call> {
    const fromMs = clock.now()
    try {
      return await vendor.call(...call)
    } finally {
      busyMs += clock.now() - fromMs
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
  const starts = perSecond.map(({ second, starts: count }) => ({ second, starts: count }))
  return { timeMs, maxInFlight, meanInFlight: timeMs > 0 ? busyMs / timeMs : 0, starts }
}
