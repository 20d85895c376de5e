import { checkOptions, count } from "@sluice/core/internal"
import { LatencyByLoad, type Sample } from "./latency-by-load.ts"
import { PlaceDoubt } from "./place-doubt.ts"
import * as tuned from "./tuned.ts"

/** Bounds of a concurrency limit that finds itself. */
export interface AdaptiveOptions {
  readonly min?: number
  readonly max?: number
  readonly initial?: number
}

/** A request for a concurrency limit that finds itself, for `createQuota({ concurrency: adaptive() })`. */
export interface Adaptive extends Required<AdaptiveOptions> {
  readonly kind: "adaptive"
}

export const adaptiveDefaults: Required<AdaptiveOptions> = Object.freeze({
  /** One call can always run. */
  min: 1,
  /** More open sockets than this trouble most machines before they trouble a vendor. */
  max: 1_000,
  /** A few permits: small against any vendor's limit, doubled within a round trip, and too few to hurt a server of four slots. */
  initial: 10,
})

/** A call that left with this share of the limit in flight says that the limit is used. */
const used = 0.75
/** In slow start the limit doubles while a call is out: it left under half of what the limit is when it comes back. */
const usedInSlowStart = 0.37

/** A step up that was one too many is refused before more answers than these have come, or than run, for those of a burst come together. */
const probeAnswers = 3
/** Where so much of the limit had room, it is one or two too high. */
const nearlyAll = 0.8
/** So many steps up are of one place each; those that follow without a refusal double. */
const patientSteps = 4
/** The same where latency cut it, which may have been chance. */
const patientStepsByLatency = 6

/**
 * Asks for a concurrency limit that finds itself between `min` and `max`.
 *
 * @example
 * ```ts
 * const quota = createQuota({ concurrency: adaptive({ max: 64 }) })
 * ```
 */
export function adaptive(options: AdaptiveOptions = {}): Adaptive {
  checkOptions("adaptive", options, { min: count(), max: count(), initial: count() })
  return { kind: "adaptive", ...adaptiveDefaults, ...options }
}

/**
 * A concurrency limit that finds itself.
 *
 * Slow start: one more per success, so the limit doubles each round trip, and one more whenever the last was not refused for a
 * while, until something pushes back. A refusal sets the limit to what was accepted at that moment; the next try above it waits for a
 * clean round, and twice as many after each try that failed, so a server with N slots is probed ever more rarely. A refusal *within*
 * the limit halves it. For servers that queue instead of refusing, latency *per output token* (an answer's raw latency follows its
 * length) with many calls in flight is compared with latency with fewer: where it rises, more calls only wait, and the limit shrinks.
 * It grows only when it is used.
 *
 * Sources: Jacobson 1988 (slow start, AIMD); Netflix concurrency-limits, Gradient2Limit.
 */
export class AdaptiveConcurrency {
  readonly #isTold: boolean
  readonly #min: number
  readonly #max: number
  #limit: number
  #slowStart = true
  /** Successes since the limit last changed. */
  #clean = 0
  /** Clean rounds to wait before the next step up. */
  #patience = 1
  #grewTo = 0
  /** Steps up in a row that nothing contradicted. */
  #steps = 0
  #ceiling: number | undefined
  /** When the limit was last used up, in slow start. */
  #peakMs = -Infinity
  readonly #latency = new LatencyByLoad()
  /** Where refusals name nothing: whether places are what is short. */
  #doubt: PlaceDoubt | undefined
  /** How long calls take. */
  #usualMs: number = tuned.apartMs

  /** `isTold`: who asks for one has a server that queues. */
  constructor(options: Required<AdaptiveOptions>, isTold = false) {
    this.#isTold = isTold
    this.#min = options.min
    this.#max = options.max
    this.#limit = Math.max(options.min, Math.min(options.max, options.initial))
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** A call left, and `running` are in flight. */
  started(nowMs: number, running: number): void {
    if (this.#doubt?.started(nowMs, running, this.limit)) {
      this.#limit = this.#grewTo = running
      this.#clean = 0
    }
    if (!this.#slowStart || running < this.limit) return
    this.#limit = running
    this.#peakMs = nowMs
  }

  /**
   * Milliseconds until one may leave beside `running`, negative where it might have by then. In slow start the limit also doubles in
   * the time in which a refusal would be back, one call after the other, so that few are on their way when it comes. For a herd, and
   * where the limit was asked for, it does so with answers alone: a server that queues says nothing before. Where refusals name
   * nothing, one more than the limit is tried now and then.
   */
  msUntil(nowMs: number, running: number, isHerd: boolean): number {
    if (running < this.limit) return 0
    if (running >= this.#max) return Infinity
    if (this.#doubt) return this.#doubt.msUntil(nowMs, running, this.limit, this.#usualMs)
    if (!this.#slowStart || this.#isTold || isHerd) return Infinity
    return this.#peakMs + tuned.rampStepMs * Math.log2(1 + 1 / running) - nowMs
  }

  /** What was refused named nothing: whether places are what is short, is looked into. `isBurst`: so were others that left with it. */
  doubted(nowMs: number, isBurst: boolean): void {
    this.#doubt ??= new PlaceDoubt()
    this.#doubt.refused(nowMs, this.limit, isBurst)
  }

  /** More ran since than ran as calls were refused. */
  isRefuted(nowMs: number): boolean {
    return this.#doubt?.isRefuted(nowMs) ?? false
  }

  /** What was accepted when the server last refused, if it ever did. */
  get ceiling(): number | undefined {
    return this.#ceiling
  }

  /** Takes in one success; returns why the limit changed, if it did. */
  sample(sample: Sample): string | undefined {
    if (sample.totalMs !== undefined) this.#usualMs += (sample.totalMs - this.#usualMs) * tuned.usual
    // What left under an older, higher limit is no reason to cut again.
    const rise = sample.inFlight <= this.#limit * 1.1 ? this.#latency.add(sample) : undefined
    if (rise?.isSure) {
      this.#slowStart = false
      this.#clean = 0
      this.#steps = 0
      // The next look above costs as much: it may wait longer each time.
      this.#patience = Math.min(8, this.#patience * 2)
      const reason = `latency per token is ${rise.ratio.toFixed(2)} × that of fewer calls`
      return this.#set(Math.min(this.#limit, sample.inFlight) * Math.max(0.6, Math.min(0.9, 1 / rise.ratio)), reason)
    }
    if (sample.inFlight < this.#limit * (this.#slowStart ? usedInSlowStart : used)) return undefined
    this.#clean++
    if (this.#slowStart && !rise) return this.#set(this.#limit + 1, "slow start")
    if (this.#doubt) return undefined
    // Where latency seems to rise, but may do so by chance, more of them are waited for.
    if (this.#clean < this.#limit * this.#patience * (rise ? 2 : 1)) return undefined
    const rounds = this.#patience
    // Where step after step held, the server has more room than it had: the next may come sooner, and be longer.
    if (this.#limit >= (this.#ceiling ?? 0)) this.#steps++
    if (this.#ceiling !== undefined && this.#steps > 1) this.#patience = 1
    const patient = this.#ceiling === undefined ? patientStepsByLatency : patientSteps
    const step = Math.min(this.#limit, 2 ** Math.max(0, this.#steps - patient))
    this.#grewTo = this.limit + step
    return this.#set(this.#limit + step, rounds > 1 ? `${rounds} clean rounds` : "clean round")
  }

  /** The server refused while `accepted` others ran. Once per congestion event. */
  refused(accepted: number): string | undefined {
    const floor = Math.max(this.#min, Math.floor(accepted))
    const probe = this.isProbe(accepted) || accepted >= this.#limit * nearlyAll
    this.#slowStart = false
    this.#steps = 0
    this.#ceiling = floor
    this.#clean = 0
    this.#grewTo = 0
    if (probe) {
      this.#patience = Math.min(64, this.#patience * 2)
      return this.#set(Math.min(this.#limit, floor), `refused above ${floor}`)
    }
    this.#patience = 1
    return this.#set(Math.min(this.#limit * 0.7, floor), `refused at ${floor} in flight`)
  }

  /** Whether a refusal while `accepted` others ran says no more than that the last step up was one too many. */
  isProbe(accepted: number): boolean {
    if (this.#slowStart) return true
    return this.#grewTo > 0 && accepted >= this.#grewTo - 1 && this.#clean <= Math.max(probeAnswers, this.limit)
  }

  /** A further refusal of a congestion event: no more than `accepted` had room. */
  lower(accepted: number): string | undefined {
    this.#ceiling = Math.max(this.#min, Math.min(accepted, this.#ceiling ?? Infinity))
    return this.#set(Math.min(this.#limit, this.#ceiling), `refused above ${this.#ceiling}`)
  }

  /** Takes a cut back. */
  restore(limit: number, why: string): string | undefined {
    this.#ceiling = undefined
    this.#doubt = undefined
    this.#patience = 1
    return this.#set(limit, why)
  }

  /** Refusals turned out to come from a rate: slots were not the limit. */
  release(): void {
    this.#ceiling = undefined
    this.#doubt = undefined
    this.#limit = this.#max
    this.#slowStart = false
  }

  #set(limit: number, reason: string): string | undefined {
    const before = this.limit
    this.#limit = Math.max(this.#min, Math.min(this.#max, limit))
    if (this.limit === before) return undefined
    this.#clean = 0
    return reason
  }
}
