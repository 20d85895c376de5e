import { luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { BatchJobOptions } from "./server-options.ts"

/** Where a job stands. `failed`: its input was found wanting; `expired` and `cancelled` ended with a part done. */
export type BatchPhase =
  | "validating"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "failed"
  | "cancelling"
  | "cancelled"
  | "expired"

const DEFAULTS = Object.freeze({
  // Long enough to be seen in each state by a poller, short enough for a test.
  validatingMs: 200,
  processingMs: 500,
  finalizingMs: 200,
  errorRate: 0,
  expireAfterMs: Infinity,
})

/**
 * A batch job as a function of time: nothing runs, whoever asks is told where the job stands by now.
 * Its requests are worked off evenly, in a shuffled order that the seed decides.
 */
export class BatchJob<Item extends { readonly customId: string }> {
  readonly createdMs: number
  /** In the order in which they are worked off. */
  readonly items: readonly Item[]
  readonly #times: Required<Omit<BatchJobOptions, "maxEnqueuedTokens">>
  readonly #seed: number
  readonly #invalid: boolean
  #cancelledMs = Infinity

  constructor(items: readonly Item[], createdMs: number, options: BatchJobOptions, seed: number, invalid = false) {
    this.createdMs = createdMs
    this.#times = { ...DEFAULTS, ...options }
    this.#seed = seed
    this.#invalid = invalid
    const random = seededRandom(luckOf(seed, "batch-order", createdMs) * 2 ** 32)
    this.items = shuffled(items, () => random.next())
  }

  phase(nowMs: number): BatchPhase {
    const { validatingMs, finalizingMs } = this.#times
    const elapsedMs = nowMs - this.createdMs
    const stoppedMs = this.#stoppedMs
    const doneMs = this.#doneMs
    if (elapsedMs < Math.min(validatingMs, stoppedMs)) return "validating"
    if (this.#invalid) return "failed"
    if (elapsedMs < Math.min(doneMs, stoppedMs)) return "in_progress"
    if (stoppedMs >= doneMs) return elapsedMs < doneMs + finalizingMs ? "finalizing" : "completed"
    const isCancelled = this.#cancelledMs <= this.#times.expireAfterMs
    if (elapsedMs < stoppedMs + finalizingMs) return isCancelled ? "cancelling" : "finalizing"
    return isCancelled ? "cancelled" : "expired"
  }

  /** How many of `items`, from the first, are done by now. */
  done(nowMs: number): number {
    const { validatingMs, processingMs } = this.#times
    if (this.#invalid) return 0
    const workedMs = Math.min(nowMs - this.createdMs, this.#stoppedMs) - validatingMs
    if (workedMs < 0) return 0
    return processingMs === 0
      ? this.items.length
      : Math.min(this.items.length, Math.floor((this.items.length * workedMs) / processingMs))
  }

  /** Whether this request ends with an error. */
  fails({ customId }: Item): boolean {
    return luckOf(this.#seed, "batch-error", customId) < this.#times.errorRate
  }

  /** Stops the work; what is done stays done. Without effect when the work is over. */
  cancel(nowMs: number): void {
    this.#cancelledMs = Math.min(this.#cancelledMs, nowMs - this.createdMs)
  }

  /** When the job entered each phase it has been in by now. */
  reached(nowMs: number): Partial<Readonly<Record<BatchPhase, number>>> {
    const { validatingMs, finalizingMs } = this.#times
    const endMs = Math.min(this.#doneMs, this.#stoppedMs)
    const ofMoments = (this.#invalid ? [0, validatingMs] : [0, validatingMs, endMs, endMs + finalizingMs])
      .map((moment) => moment + this.createdMs)
      .filter((moment) => moment <= nowMs)
      .map((moment) => [this.phase(moment), moment] as const)
    return Object.fromEntries(ofMoments)
  }

  get #doneMs(): number {
    return this.#times.validatingMs + this.#times.processingMs
  }

  get #stoppedMs(): number {
    return Math.min(this.#cancelledMs, this.#times.expireAfterMs)
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[order[last], order[other]] = [order[other] as T, order[last] as T]
  }
  // A shuffle that changes nothing hides the bug it is there to show.
  if (order.length > 1 && order.every((item, index) => item === items[index])) order.push(order.shift() as T)
  return order
}
