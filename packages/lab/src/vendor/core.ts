import type { Clock, LimitReading } from "@sluice/core"
import { checkOptions, having, needed } from "@sluice/core/internal"
import { CoTenants } from "./co-tenants.ts"
import { LimitSet, type Asks } from "../limits/limit-set.ts"
import { RampLimit } from "../limits/ramp-limit.ts"
import { chargedAhead } from "./max-tokens-charge.ts"
import { drawFault, isRefusing, msUntilServed, type ServingFault } from "./faults.ts"
import { drawLatency } from "./latency.ts"
import type { VendorCall } from "./call.ts"
import type { VendorOptions } from "./options.ts"
import { vendorChecks } from "./vendor-checks.ts"
import { readLimits } from "./readings.ts"
import {
  refusalByFault,
  refusalByLimit,
  refusalByRamp,
  tooLarge,
  tooManyAtOnce,
  type VendorRefusal,
} from "./refusal.ts"
import { TruthLog, type VendorTruth } from "./truth.ts"

/** The call was let in. Whoever carries out the answer ends it exactly once; a second `finish` does nothing. */
export interface Admission {
  readonly admitted: true
  /** What the answer's headers should say, as of now. */
  readonly limits: readonly LimitReading[] | undefined
  /** From now until the first token and until the end. */
  readonly firstTokenMs: number
  readonly totalMs: number
  /** `outputTokens`, cut by `maxTokens`. */
  readonly outputTokens: number
  /** How it is to go wrong, if it is. */
  readonly fault: ServingFault | undefined
  /**
   * `answered`: the client has the answer. Else it ended as `fault` says, or `cancelled` by the client;
   * `outputTokens` were produced until then (default none).
   */
  readonly finish: (how: "answered" | ServingFault | "cancelled", outputTokens?: number) => void
}

export type ArrivalDecision = Admission | VendorRefusal

/** Decides about calls and keeps the truth. Carries nothing: no timers, no sockets. */
export interface VendorCore {
  arrive(call: VendorCall): ArrivalDecision
  /** 0: this call would be let in now. Else milliseconds after which to ask again: not before could it be. `Infinity` never. */
  msUntilAdmitted(call: VendorCall): number
  /** What headers would say now. */
  limits(): readonly LimitReading[] | undefined
  truth(): VendorTruth
}

/**
 * A simulated vendor's admission and memory, behind the virtual vendor and the HTTP server alike.
 * Uses nothing of Sluice's own limiters: it is their referee.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock()
 * const core = createVendorCore({ clock, limits: { requests: { limit: 60, burst: 1 } } })
 * const first = core.arrive({ inputTokens: 10, outputTokens: 20 })
 * const second = core.arrive({ inputTokens: 10, outputTokens: 20 })
 * first.admitted // => true
 * second.admitted === false && second.retryAfterMs // => 1000
 * ```
 */
export function createVendorCore(options: CoreOptions): VendorCore {
  checkOptions("createVendorCore", options, { ...vendorChecks, clock: needed(having("a clock", "now")) })
  return vendorCore(options)
}

type CoreOptions = VendorOptions & { readonly clock: Pick<Clock, "now"> }

/** With options that were checked, among others of whoever carries the vendor. */
export function vendorCore(options: CoreOptions): VendorCore {
  const { clock, chargeMaxTokens = false, chargeRefused = false, faults = {}, latency = {}, seed = 1 } = options
  const startedMs = clock.now()
  const limits = new LimitSet(options.limits ?? {}, 0)
  const coTenants = new CoTenants(options.coTenants ?? [], seed)
  const changes = [...(options.schedule ?? [])].sort((a, b) => a.atMs - b.atMs)
  const ramp = options.ramp && new RampLimit(options.ramp)
  const slots = options.limits?.concurrency
  let concurrency = typeof slots === "object" ? slots.limit : (slots ?? Infinity)
  const concurrencyStatus = typeof slots === "object" ? (slots.status ?? 503) : 503
  const truth = new TruthLog()
  const triesById = new Map<string, number>()
  let unnamed = 0

  /** Catches up with what happened since the last look, in order of time. */
  function now(): number {
    const nowMs = clock.now() - startedMs
    for (;;) {
      const changeMs = changes[0]?.atMs ?? Infinity
      if (Math.min(changeMs, coTenants.nextMs) > nowMs) return nowMs
      if (changeMs > coTenants.nextMs) {
        coTenants.serve(limits)
        continue
      }
      const change = changes.shift()
      if (!change) continue
      limits.retune(change.atMs, change.limits)
      concurrency = change.limits.concurrency ?? concurrency
    }
  }

  function producedBy(call: VendorCall): number {
    return Math.min(call.outputTokens, call.maxTokens ?? Infinity)
  }

  function asksOf(call: VendorCall): Asks {
    const reserved = chargedAhead(chargeMaxTokens, call)
    const both = (amount: number): { needs: number; takes: number } => ({ needs: amount, takes: amount })
    const total = both(call.inputTokens + reserved)
    return {
      requests: both(1),
      requestsPerDay: both(1),
      tokens: total,
      tokensPerDay: total,
      inputTokens: both(call.inputTokens),
      // Output that is counted as it comes: something must be left to begin.
      outputTokens: { needs: Math.max(1, reserved), takes: reserved },
    }
  }

  function readings(nowMs: number): readonly LimitReading[] | undefined {
    return readLimits(limits, options.headers ?? "openai", nowMs)
  }

  function refuse(nowMs: number, refusal: VendorRefusal): VendorRefusal {
    truth.refuse(nowMs, refusal.reason === "rate" ? `rate:${refusal.dimension ?? "unknown"}` : refusal.reason)
    const asked = options.retryAfter ?? "exact"
    const { retryAfterMs, ...rest } = refusal
    const delay =
      retryAfterMs === undefined || !Number.isFinite(retryAfterMs) || asked === "none"
        ? {}
        : { retryAfterMs: asked === "seconds" ? Math.ceil(retryAfterMs / 1000) * 1000 : Math.ceil(retryAfterMs) }
    return { ...rest, ...delay, limits: readings(nowMs) }
  }

  function chargeForRefusal(nowMs: number): void {
    for (const { dimension, model } of limits.entries) {
      // Hammering digs no deeper than one window.
      if (dimension === "requests" && model.remaining(nowMs) > -model.limit) model.take(nowMs, 1)
    }
  }

  function check(nowMs: number, call: VendorCall, asks: Asks): VendorRefusal | undefined {
    if (truth.inFlight >= concurrency) return tooManyAtOnce(concurrencyStatus, concurrency)
    const rampMs = ramp?.msUntil(nowMs) ?? 0
    if (rampMs > 0) return refusalByRamp(rampMs)
    const { waitMs, entry } = limits.msUntil(nowMs, asks)
    if (!entry) return undefined
    const { dimension, model } = entry
    const requested = asks[dimension]?.needs ?? 0
    const numbers = { dimension, limit: model.limit, used: model.limit - model.remaining(nowMs), requested }
    return waitMs === Infinity ? tooLarge(numbers) : refusalByLimit(numbers, waitMs)
  }

  function admit(nowMs: number, call: VendorCall, name: string, fault: ServingFault | undefined): Admission {
    const outputTokens = producedBy(call)
    limits.take(nowMs, asksOf(call))
    ramp?.tryTake(nowMs)
    truth.start(nowMs, limits)
    let open = true
    return {
      admitted: true,
      limits: readings(nowMs),
      ...drawLatency(latency, seed, name, outputTokens, truth.inFlight),
      outputTokens,
      fault,
      finish(how, produced = how === "answered" ? outputTokens : 0) {
        if (!open) return
        open = false
        const atMs = now()
        if (!chargeMaxTokens && produced > 0) {
          const output = { needs: produced, takes: produced }
          limits.take(atMs, { tokens: output, tokensPerDay: output, outputTokens: output })
        }
        if (how === "answered") truth.answer(atMs, call.id, call.inputTokens, produced)
        else truth.fail(how)
      },
    }
  }

  return {
    arrive(call) {
      const nowMs = now()
      truth.arrive(nowMs, limits)
      const name = call.id ?? `unnamed-${unnamed++}`
      const tries = triesById.get(name) ?? 0
      const fault = drawFault(faults, seed, nowMs, call, name, tries)
      const refusal = fault && isRefusing(fault) ? refusalByFault(fault) : check(nowMs, call, asksOf(call))
      // A call that was only told to wait meets the same luck when it comes again.
      if (!refusal || refusal.fault) triesById.set(name, tries + 1)
      if (!refusal) return admit(nowMs, call, name, fault as ServingFault | undefined)
      if (chargeRefused && refusal.reason === "rate") chargeForRefusal(nowMs)
      return refuse(nowMs, refusal)
    },
    msUntilAdmitted(call) {
      const nowMs = now()
      if (truth.inFlight >= concurrency) return Infinity
      const { waitMs } = limits.msUntil(nowMs, asksOf(call))
      const untilMs = Math.max(waitMs, ramp?.msUntil(nowMs) ?? 0, msUntilServed(faults, nowMs, call))
      // A limit may be raised before that.
      return Math.min(untilMs, (changes[0]?.atMs ?? Infinity) - nowMs)
    },
    limits: () => readings(now()),
    truth: () => (now(), truth.read(coTenants.served)),
  }
}
