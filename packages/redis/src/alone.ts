import type { Ask, Block } from "@sluice/scheduler"
import { amountIn, amountsOf, nothing, plus } from "./wire/amounts.ts"
import type { Amounts, KeptLimit } from "./wire/turn.ts"

/** A process that cannot reach the others: it goes on with the share of every limit that it was last told, which they leave alone. */
export class Alone {
  readonly #limits: readonly KeptLimit[]
  readonly #share: number
  readonly #places: number
  readonly #levels: number[]
  #atMs: number
  #calls = 0
  #started: Amounts = nothing

  constructor(nowMs: number, limits: readonly KeptLimit[], share: number, places: number) {
    this.#limits = limits
    this.#share = share
    this.#places = places < 0 ? Infinity : Math.floor(places * share)
    this.#levels = limits.map(() => 0)
    this.#atMs = nowMs
  }

  get share(): number {
    return this.#share
  }

  get calls(): number {
    return this.#calls
  }

  /** All that was started, to be told once somebody can be told. */
  get started(): Amounts {
    return this.#started
  }

  block(nowMs: number, { cost, place }: Ask, held: number): Block | undefined {
    this.#advance(nowMs)
    if (place && held >= this.#places) return { by: "concurrency", dimension: "concurrency", ms: Infinity }
    const amounts = amountsOf(cost)
    let worst: Block | undefined
    for (const [index, limit] of this.#limits.entries()) {
      const amount = amountIn(limit.d, amounts)
      if (amount <= 0) continue
      // Money is not spent on a guess of what is left.
      if (limit.kd === "total") return { by: limit.nm, dimension: "usd", ms: Infinity }
      const missing = Math.min(amount, this.#burst(limit)) - this.#levels[index]!
      const ms = missing <= 1e-6 ? 0 : (missing * limit.w) / (limit.lim * this.#share)
      if (ms > (worst?.ms ?? 0)) worst = { by: limit.nm, dimension: "requests", ms }
    }
    return worst
  }

  take(ask: Ask): void {
    const amounts = amountsOf(ask.cost)
    for (const [index, { d }] of this.#limits.entries()) this.#levels[index]! -= amountIn(d, amounts)
    this.#started = plus(this.#started, amounts)
    this.#calls++
  }

  #advance(nowMs: number): void {
    const ms = nowMs - this.#atMs
    this.#atMs = nowMs
    for (const [index, limit] of this.#limits.entries()) {
      const level = this.#levels[index]! + (ms * limit.lim * this.#share) / limit.w
      this.#levels[index] = Math.min(this.#burst(limit), level)
    }
  }

  #burst({ b, lim }: KeptLimit): number {
    return Math.max(1, (b ?? lim) * this.#share)
  }
}
