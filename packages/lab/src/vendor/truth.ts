import type { LimitSet } from "../limits/limit-set.ts"
import type { VendorDimension } from "./options.ts"

/** What really happened at the vendor, whatever its clients believe. */
export interface VendorTruth {
  readonly arrived: number
  readonly answered: number
  readonly refused: number
  /** By reason (`rate`, `ramp`, `overloaded`, `daily`, `billing`, …) and, for rates, by dimension: `rate:tokens`. */
  readonly refusedByReason: Readonly<Record<string, number>>
  /** Served calls that ended badly, by fault; and `cancelled` by the client. */
  readonly failed: Readonly<Record<string, number>>
  readonly inFlight: number
  readonly maxInFlight: number
  /** Of answered calls. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** Answers to an id that had been answered before: paid for twice. */
  readonly repeats: number
  /** Seconds with any arrival, from the vendor's start. */
  readonly perSecond: readonly { readonly second: number; readonly starts: number; readonly refusals: number }[]
  /**
   * Taken (co-tenants included) of what the limits allowed from the first arrival to the last start, what stood ready included.
   * As long as work was waiting all that time, this is the share of the quota that was used.
   */
  readonly utilisation: Partial<Readonly<Record<VendorDimension, number>>>
  /** Calls of co-tenants. */
  readonly coTenantCalls: number
  readonly firstArrivalMs: number | undefined
  readonly lastAnswerMs: number | undefined
}

/** Keeps count. */
export class TruthLog {
  arrived = 0
  answered = 0
  refused = 0
  inFlight = 0
  maxInFlight = 0
  inputTokens = 0
  outputTokens = 0
  repeats = 0
  firstArrivalMs: number | undefined
  lastAnswerMs: number | undefined
  readonly #refusedByReason: Record<string, number> = {}
  readonly #failed: Record<string, number> = {}
  readonly #answeredIds = new Set<string>()
  readonly #perSecond = new Map<number, { second: number; starts: number; refusals: number }>()
  readonly #atFirst = new Map<VendorDimension, { taken: number; earned: number }>()
  readonly #utilisation: Partial<Record<VendorDimension, number>> = {}

  arrive(atMs: number, limits: LimitSet): void {
    this.arrived++
    if (this.firstArrivalMs !== undefined) return
    this.firstArrivalMs = atMs
    limits.earn(atMs)
    for (const { dimension, taken, earned } of limits.entries) this.#atFirst.set(dimension, { taken, earned })
  }

  refuse(atMs: number, reason: string): void {
    this.refused++
    this.#refusedByReason[reason] = (this.#refusedByReason[reason] ?? 0) + 1
    this.#second(atMs).refusals++
  }

  start(atMs: number, limits: LimitSet): void {
    this.inFlight++
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight)
    this.#second(atMs).starts++
    limits.earn(atMs)
    for (const entry of limits.entries) {
      const first = this.#atFirst.get(entry.dimension)
      const allowed = entry.standing + entry.earned - (first?.earned ?? 0)
      this.#utilisation[entry.dimension] = (entry.taken - (first?.taken ?? 0)) / allowed
    }
  }

  answer(atMs: number, id: string | undefined, inputTokens: number, outputTokens: number): void {
    this.inFlight--
    this.answered++
    this.lastAnswerMs = atMs
    this.inputTokens += inputTokens
    this.outputTokens += outputTokens
    if (id === undefined) return
    if (this.#answeredIds.has(id)) this.repeats++
    this.#answeredIds.add(id)
  }

  fail(how: string): void {
    this.inFlight--
    this.#failed[how] = (this.#failed[how] ?? 0) + 1
  }

  read(coTenantCalls: number): VendorTruth {
    return {
      arrived: this.arrived,
      answered: this.answered,
      refused: this.refused,
      refusedByReason: { ...this.#refusedByReason },
      failed: { ...this.#failed },
      inFlight: this.inFlight,
      maxInFlight: this.maxInFlight,
      inputTokens: this.inputTokens,
      outputTokens: this.outputTokens,
      repeats: this.repeats,
      perSecond: [...this.#perSecond.values()].map((second) => ({ ...second })),
      utilisation: { ...this.#utilisation },
      coTenantCalls,
      firstArrivalMs: this.firstArrivalMs,
      lastAnswerMs: this.lastAnswerMs,
    }
  }

  #second(atMs: number): { second: number; starts: number; refusals: number } {
    const second = Math.floor(atMs / 1000)
    let entry = this.#perSecond.get(second)
    if (!entry) this.#perSecond.set(second, (entry = { second, starts: 0, refusals: 0 }))
    return entry
  }
}
