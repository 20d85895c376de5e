import type { Ask, Block } from "@sluice/scheduler"
import { amountIn, amountsOf, plus } from "./wire/amounts.ts"
import type { Amounts, KeptLimit } from "./wire/turn.ts"

/** What started within so long is told as one. */
const slotMs = 1_000
/** A refusal that names no delay. */
const pauseMs = 1_000

/** What was last heard of the shared quota. */
export interface Left {
  /** Of every limit and of the places. */
  readonly share: number
  readonly limits: readonly KeptLimit[]
  /** -1: as many as wanted. */
  readonly places: number
  /** The vendor wants nothing for so long. */
  readonly gateMs: number
}

/** What was started, and when. */
export interface Started {
  readonly atMs: number
  readonly amounts: Amounts
}

/** A process that cannot reach the others: it goes on with the share of every limit that it was last told, which they leave alone. */
export class Alone {
  readonly #limits: readonly KeptLimit[]
  readonly #share: number
  readonly #places: number
  readonly #levels: number[]
  #atMs: number
  #calls = 0
  #shutUntilMs: number
  readonly #started: Started[] = []

  constructor(nowMs: number, { share, limits, places, gateMs }: Left) {
    this.#limits = limits
    this.#share = share
    this.#places = places < 0 ? Infinity : Math.floor(places * share)
    this.#shutUntilMs = nowMs + gateMs
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
  get started(): readonly Started[] {
    return this.#started
  }

  /** The vendor refused a call: what stood ready before is not known here, and there is nobody to ask. */
  refused(nowMs: number, delayMs: number = pauseMs): void {
    this.#shutUntilMs = Math.max(this.#shutUntilMs, nowMs + delayMs)
    this.#levels.fill(0)
  }

  block(nowMs: number, { cost, place }: Ask, held: number): Block | undefined {
    this.#advance(nowMs)
    if (place && held >= this.#places) return { by: "concurrency", dimension: "concurrency", ms: Infinity }
    if (nowMs < this.#shutUntilMs) return { by: "gate", dimension: "requests", ms: this.#shutUntilMs - nowMs }
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

  take(nowMs: number, ask: Ask): void {
    const amounts = amountsOf(ask.cost)
    for (const [index, { d }] of this.#limits.entries()) this.#levels[index]! -= amountIn(d, amounts)
    const last = this.#started.at(-1)
    if (last && nowMs - last.atMs < slotMs)
      this.#started.splice(-1, 1, { atMs: last.atMs, amounts: plus(last.amounts, amounts) })
    else this.#started.push({ atMs: nowMs, amounts })
    this.#calls++
  }

  #advance(nowMs: number): void {
    // While the vendor wants nothing, nothing is saved up.
    const ms = Math.max(0, nowMs - Math.max(this.#atMs, this.#shutUntilMs))
    this.#atMs = nowMs
    for (const [index, limit] of this.#limits.entries()) {
      const level = this.#levels[index]! + (ms * limit.lim * this.#share) / limit.w
      this.#levels[index] = Math.min(this.#burst(limit), level)
    }
  }

  /** In a window nobody knows here what was used before: it is filled evenly. */
  #burst({ kd, b, lim }: KeptLimit): number {
    return kd === "bucket" ? Math.max(1, (b ?? lim) * this.#share) : 1
  }
}
