import { amountOf } from "../limits/budget.ts"
import { HigherUse } from "../limits/higher-use.ts"
import type { RateLimit } from "../limits/rate/rate-limit.ts"
import type { Ask, Block } from "../quota/ledger.ts"

/** Room in windows that calls of one priority leave for those above it. Made when a second priority is met: before that nothing is kept. */
export class KeptRoom {
  readonly #limits: readonly RateLimit[]
  readonly #uses = new Map<RateLimit, HigherUse>()

  /** All that was taken until now was of the `first` priority; `next` is the first of another. */
  constructor(nowMs: number, limits: readonly RateLimit[], first: number, next: Ask) {
    this.#limits = limits
    for (const limit of limits) {
      const taken = limit.log.since(nowMs - limit.windowMs)
      this.#useOf(limit).add(nowMs, first, taken, amountOf(next.cost, limit.dimension))
    }
  }

  /** Asked as nothing else is in its way: the limit whose room is kept for longest. */
  block(nowMs: number, { cost, priority = 0, isDue }: Ask): Block | undefined {
    if (isDue) return undefined
    let kept: Block | undefined
    for (const limit of this.#limits) {
      const { name, dimension } = limit
      const use = this.#useOf(limit).above(nowMs, priority)
      const ms = use ? limit.msUntilSpared(nowMs, amountOf(cost, dimension), use) : 0
      if (ms > (kept?.ms ?? 0)) kept = { by: `${name}, kept for higher priority`, dimension, ms, isKept: true }
    }
    return kept
  }

  take(nowMs: number, { cost, priority = 0 }: Ask): void {
    if (!Number.isFinite(priority)) return
    for (const limit of this.#limits) {
      const amount = amountOf(cost, limit.dimension)
      if (amount !== 0) this.#useOf(limit).add(nowMs, priority, amount)
    }
  }

  #useOf(limit: RateLimit): HigherUse {
    let use = this.#uses.get(limit)
    if (!use) this.#uses.set(limit, (use = new HigherUse(limit.windowMs)))
    return use
  }
}
