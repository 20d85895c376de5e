import { getEventListeners, setMaxListeners } from "node:events"
import type { Clock, EventSink, Limiter, Random } from "@sluice/core"
import {
  amount,
  callable,
  checkOptions,
  milliseconds,
  number,
  oneOf,
  positive,
  type Shape,
} from "@sluice/core/internal"
import { createQuota } from "@sluice/scheduler"
import { told } from "../scenarios/scenario-checks.ts"
import { toldAt, type ToldQuota } from "../scenarios/scenario.ts"
import type { VendorOptions } from "../vendor/options.ts"
import { CountingClock } from "../clock/counting-clock.ts"
import { VirtualClock } from "../clock/virtual-clock.ts"
import { type WaitsSnapshot, whyAsleep } from "../conformance/why-asleep.ts"
import { vendorChecks } from "../vendor/vendor-checks.ts"
import { createVirtualVendor } from "../vendor/virtual-vendor.ts"
import { offer, trafficCalls, trafficRandom } from "./traffic-call.ts"
import { type CallEnd, sendCall, type TrafficClient } from "./traffic-client.ts"
import { trafficOracle } from "./traffic-oracle.ts"
import { type TrafficReport, trafficReport } from "./traffic-report.ts"
import { trafficChecks } from "./traffic-checks.ts"
import type { TrafficShape } from "./traffic-shape.ts"
import type { WireStyle } from "./wire-style.ts"

/** A limiter, and what it says of itself where it can. */
export interface SimulatedLimiter extends Limiter {
  snapshot?(): WaitsSnapshot
}

export interface SimulateOptions {
  /** What the limiter is told of the vendor's limits. Default nothing. */
  readonly told?: ToldQuota
  /** Default a quota with `told`. */
  readonly limiter?: (env: {
    readonly told: ToldQuota
    readonly clock: Clock
    readonly random: Random
    readonly onEvent?: EventSink
  }) => SimulatedLimiter
  /** How much of what the vendor says the client understands. Default `openai`. */
  readonly wire?: WireStyle
  /** Of the shape, the vendor and the client alike. Default 1. */
  readonly seed?: number
  /** One way. Default 20. */
  readonly networkMs?: number
  /** Uniform, added each way. Default 0. */
  readonly networkJitterMs?: number
  /** Without an answer for that long an attempt is given up and tried again. Default 600,000, as `limitedFetch` has it. */
  readonly timeoutMs?: number
  /** What has not ended by then is stopped. Default 20 times the oracle's time, at least an hour. */
  readonly giveUpMs?: number
  /** Of the default limiter, or of one that passes it on. */
  readonly onEvent?: EventSink
}

const checks: Shape<SimulateOptions> = {
  told,
  limiter: callable,
  wire: oneOf("openai", "anthropic", "azure", "gemini", "bare"),
  seed: number,
  networkMs: amount,
  networkJitterMs: amount,
  timeoutMs: positive,
  giveUpMs: milliseconds,
  onEvent: callable,
}

/**
 * Sends traffic of this shape through a limiter to a simulated vendor, under a virtual clock, and reports what became of it
 * beside what somebody who knows the vendor would have made of it. Same seed, same report.
 *
 * @example
 * ```ts
 * const chat = { arrivals: { kind: "poisson", perMinute: 20 }, inputTokens: 300, outputTokens: 100 } as const
 * const report = await simulate(
 *   { name: "chat", streams: [{ calls: 100, ...chat }] },
 *   { limits: { requests: 60 } },
 *   { told: { requestsPerMinute: 60 } },
 * )
 * report.lost // => 0
 * report.addedMs.p95 // => 0
 * ```
 */
export async function simulate(
  shape: TrafficShape,
  vendorOptions: VendorOptions,
  options: SimulateOptions = {},
): Promise<TrafficReport> {
  checkOptions("simulate", shape, trafficChecks)
  checkOptions("simulate", vendorOptions, vendorChecks)
  checkOptions("simulate", options, checks)
  const { seed = 1, networkMs = 20, networkJitterMs = 0, timeoutMs = 600_000, wire = "openai", onEvent } = options
  const calls = trafficCalls(shape, seed)
  const all = calls.flat()
  const seeded = { ...vendorOptions, seed }
  const oracle = trafficOracle(shape, calls, seeded, options.told ?? {}, networkMs, timeoutMs)
  const clock = new VirtualClock({ settles: "promises" })
  const limiterClock = new CountingClock(clock, lookForHang)
  const vendorClock = new CountingClock(clock, lookForHang)
  const vendor = createVirtualVendor({ ...seeded, clock: vendorClock, networkMs, networkJitterMs })
  const create = options.limiter ?? (({ told, ...ports }) => createQuota({ ...told, ...ports }))
  const limiter = create({
    told: toldAt(options.told ?? {}, clock.wallNow()),
    clock: limiterClock,
    random: trafficRandom(seed, "limiter"),
    ...(onEvent ? { onEvent } : {}),
  })
  const client: TrafficClient = {
    limiter,
    vendor,
    clock,
    random: trafficRandom(seed, "client"),
    wire,
    chargesMaxTokens: vendorOptions.chargeMaxTokens ?? false,
    timeoutMs,
    at: { waiting: 0, inFlight: 0, resting: 0 },
    // What the network took beyond its least is nobody's wait: the oracle's has no jitter.
    onAnswer: ({ id }, { travelMs = 0 }) => void lateMs.set(id, travelMs - 2 * networkMs),
  }

  const ends = new Map<string, CallEnd>()
  const latencyMs = new Map<string, number>()
  const lateMs = new Map<string, number>()
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const signals: AbortSignal[] = [stop.signal]
  let hungAtMs: number | undefined
  let timeMs = 0
  let error: unknown

  /** Called when everything before has come to rest. */
  function lookForHang(): void {
    const { waiting, inFlight } = client.at
    const why = whyAsleep({ waiting, inFlight, ...limiter.snapshot?.() }, limiterClock)
    if (why !== undefined) hungAtMs ??= clock.now()
  }

  const done = new Promise<void>((resolve, reject) => {
    clock.setTimer(options.giveUpMs ?? Math.max(3_600_000, 20 * oracle.timeMs), () => {
      lookForHang()
      resolve()
    })
    offer(shape, calls, {
      after: (delayMs, fn) =>
        void clock.setTimer(delayMs, () => {
          lookForHang()
          fn()
        }),
      ask(call, ended) {
        const askedMs = clock.now()
        let signal = stop.signal
        let disarm: (() => void) | undefined
        if (call.abortMs !== undefined) {
          const controller = new AbortController()
          signal = controller.signal
          signals.push(signal)
          disarm = clock.setTimer(call.abortMs, () => {
            lookForHang()
            controller.abort(new Error("given up by its caller"))
          })
        }
        sendCall(client, call, signal).then((end) => {
          disarm?.()
          ends.set(call.id, end)
          timeMs = clock.now()
          if (end === "answered") latencyMs.set(call.id, timeMs - askedMs - (lateMs.get(call.id) ?? 0))
          ended()
          if (ends.size === all.length) resolve()
        }, reject)
      },
    })
  }).catch((reason: unknown) => {
    error = reason
  })
  await clock.run(done)
  if (error !== undefined) throw error

  const seen = limiter.snapshot?.()
  return trafficReport({
    shape,
    calls: calls.flat(),
    ends,
    latencyMs,
    timeMs,
    oracle,
    hungAtMs,
    truth: vendor.truth(),
    left: {
      inFlight: seen?.inFlight ?? client.at.inFlight,
      waiting: seen?.waiting ?? client.at.waiting,
      listeners: signals.reduce((sum, signal) => sum + getEventListeners(signal, "abort").length, 0),
      timers: limiterClock.pending,
    },
  })
}
