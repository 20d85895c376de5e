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
  /** A few permits: small against any vendor's limit, and doubled within a round trip. */
  initial: 4,
})

/**
 * Asks for a concurrency limit that finds itself between `min` and `max`.
 *
 * @example
 * ```ts
 * const quota = createQuota({ concurrency: adaptive({ max: 64 }) })
 * ```
 */
export function adaptive(options: AdaptiveOptions = {}): Adaptive {
  return { kind: "adaptive", ...adaptiveDefaults, ...options }
}

/** One settled call, as far as this algorithm looks at it. */
export interface Sample {
  readonly outcome: "success" | "ignored" | "throttled"
  /** Calls in flight as this one left, itself included. */
  readonly inFlight: number
  readonly totalMs?: number
  readonly firstTokenMs?: number
  readonly outputTokens?: number
}

/** Latency may be this much above the best before it counts as queueing: below it is noise. */
const tolerated = 1.25
/** Samples that one judgement of latency needs at least. */
const leastSamples = 8

/**
 * A concurrency limit that finds itself.
 *
 * Slow start: one more per success, so the limit doubles each round trip, until something pushes back. A refusal sets the limit
 * to what was accepted at that moment; the next try above it waits for a clean round, and twice as many after each try that
 * failed, so a server with N slots is probed ever more rarely. A refusal *within* the limit halves it. For servers that queue
 * instead of refusing, a round whose latency *per output token* (or to the first token) rose against the best round shrinks
 * the limit in that proportion (Little: what is above `limit / ratio` only waits). It grows only when it is used.
 *
 * Sources: Jacobson 1988 (slow start, AIMD); Netflix concurrency-limits, Gradient2Limit.
 */
export class AdaptiveConcurrency {
  readonly #min: number
  readonly #max: number
  #limit: number
  #slowStart = true
  /** Successes since the limit last changed. */
  #clean = 0
  /** Clean rounds to wait before the next step up. */
  #patience = 1
  #grewTo = 0
  #ceiling: number | undefined
  #bestMs = Infinity
  #sumMs = 0
  #sumUnits = 0
  #samples = 0

  constructor(options: Required<AdaptiveOptions>) {
    this.#min = options.min
    this.#max = options.max
    this.#limit = Math.max(options.min, Math.min(options.max, options.initial))
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** What was accepted when the server last refused, if it ever did. */
  get ceiling(): number | undefined {
    return this.#ceiling
  }

  /** Takes in one settled call; answers why the limit changed, if it did. */
  sample(sample: Sample): string | undefined {
    if (sample.outcome !== "success") return undefined
    const queueing = this.#judgeLatency(sample)
    if (queueing) return queueing
    const used = sample.inFlight >= this.#limit * 0.75
    if (!used) return undefined
    this.#clean++
    if (this.#slowStart) return this.#set(this.#limit + 1, "slow start")
    if (this.#clean < this.#limit * this.#patience) return undefined
    this.#grewTo = Math.floor(this.#limit + 1)
    return this.#set(this.#limit + 1, this.#patience > 1 ? `${this.#patience} clean rounds` : "clean round")
  }

  /** The server refused while `accepted` others ran. Once per episode. */
  refused(accepted: number): string | undefined {
    const floor = Math.max(this.#min, Math.floor(accepted))
    const first = this.#ceiling === undefined || this.#slowStart
    const probe = this.#grewTo > 0 && accepted >= this.#grewTo - 1
    this.#slowStart = false
    this.#ceiling = floor
    this.#clean = 0
    if (first || probe) {
      this.#patience = Math.min(64, this.#patience * 2)
      this.#grewTo = 0
      return this.#set(Math.min(this.#limit, floor), `refused above ${floor}`)
    }
    this.#patience = 1
    return this.#set(Math.min(this.#limit * 0.5, floor), `refused at ${floor} in flight`)
  }

  /** Refusals turned out to come from a rate: slots were not the limit. */
  release(): void {
    this.#ceiling = undefined
    this.#patience = 1
  }

  #judgeLatency(sample: Sample): string | undefined {
    if (sample.totalMs === undefined || !sample.outputTokens) return undefined
    this.#sumMs += sample.totalMs - (sample.firstTokenMs ?? 0)
    this.#sumUnits += sample.outputTokens
    this.#samples++
    if (this.#samples < Math.max(leastSamples, this.#limit)) return undefined
    const perTokenMs = this.#sumMs / this.#sumUnits
    this.#sumMs = this.#sumUnits = this.#samples = 0
    const ratio = perTokenMs / this.#bestMs
    // The best drifts up slowly, so that a server that became slower for good is not mistaken for a queue for ever.
    this.#bestMs = Math.min(perTokenMs, this.#bestMs * 1.002)
    if (!(ratio > tolerated)) return undefined
    this.#slowStart = false
    this.#clean = 0
    return this.#set((this.#limit / ratio) * 1.1, `latency per token is ${ratio.toFixed(1)} × the best`)
  }

  #set(limit: number, reason: string): string | undefined {
    const before = this.limit
    this.#limit = Math.max(this.#min, Math.min(this.#max, limit))
    if (this.limit === before) return undefined
    if (!this.#slowStart) this.#clean = 0
    return reason
  }
}
