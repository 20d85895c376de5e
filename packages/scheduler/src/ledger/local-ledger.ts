import type { Settlement, Cost } from "@sluice/core"
import type { Ask, Block, Ledger, Oversize, SentCall, Taken, Consequence } from "../quota/ledger.ts"
import { credible } from "./credible.ts"
import { LedgerState } from "./state.ts"
import { QuotaLearning } from "./learning.ts"
import { checkQuotaOptions, type QuotaLimits, type QuotaOptions } from "../quota/options.ts"
import { snapshotOf } from "./snapshot-of.ts"
import { type LedgerSnapshot } from "../quota/snapshot.ts"
import { systemClock, systemRandom } from "../runtime/system-clock.ts"

/**
 * The ledger of one process: what it believes of the vendor, and what it learns as calls settle.
 *
 * @example
 * ```ts
 * const ledger = new LocalLedger({ requestsPerMinute: 60 })
 * ledger.fits(0, { cost: {}, place: true }) // => true
 * ```
 */
export class LocalLedger implements Ledger {
  readonly #state: LedgerState
  readonly #learning: QuotaLearning

  constructor(options: QuotaOptions = {}) {
    checkQuotaOptions("LocalLedger", options)
    const clock = options.clock ?? systemClock
    const random = options.random ?? systemRandom
    this.#state = new LedgerState(options, clock.now(), clock.wallNow())
    this.#learning = new QuotaLearning(this.#state, () => random.next())
  }

  block(nowMs: number, ask: Ask): Block | undefined {
    return this.#state.block(nowMs, ask)
  }

  leastMs(nowMs: number, together: Cost): number {
    return this.#state.leastMs(nowMs, together)
  }

  fits(nowMs: number, ask: Ask): boolean {
    return this.#state.fits(nowMs, ask)
  }

  take(nowMs: number, ask: Ask, waiting: number): Taken {
    return this.#state.take(nowMs, ask, waiting)
  }

  settle(nowMs: number, call: SentCall, end: Settlement): Consequence {
    this.#learning.reconcile(nowMs, call, end)
    return this.#learning.learn(nowMs, call, credible(end))
  }

  oversize(cost: Cost): Oversize | undefined {
    return this.#state.oversize(cost)
  }

  within(cost: Cost): Cost {
    return this.#state.within(cost)
  }

  budgetLeft(): number {
    return this.#state.budgetLeft()
  }

  weighMs(cost: Cost): number {
    return this.#state.weighMs(cost)
  }

  places(): { readonly limit: number; readonly running: number } {
    return this.#state.concurrency
  }

  retune(limits: QuotaLimits, nowMs: number, wallMs: number): void {
    this.#state.retune(limits, nowMs, wallMs)
  }

  snapshot(nowMs: number): LedgerSnapshot {
    return snapshotOf(this.#state, nowMs)
  }

  /** Time and settled calls alone make room here, and the queue knows of both. */
  attach(): void {}

  async close(): Promise<void> {}
}
