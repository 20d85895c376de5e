import type { Cost, LimitReading } from "@sluice/core"
import type { Ask, LimitSnapshot, Oversize } from "@sluice/scheduler"
import { amountIn, amountsOf } from "./wire/amounts.ts"
import { dimensions } from "./wire/told-limits.ts"
import type { KeptLimit, TurnTold } from "./wire/turn.ts"

/** The limits as this process knows them: what its user told, then what every turn answers. */
export class KeptLimits {
  #limits: readonly KeptLimit[]
  #levels: readonly number[] = []
  #atMs = 0

  constructor({ L }: TurnTold) {
    this.#limits = L.map(({ id, nm, d, w, limit, kind, burst }) => ({
      id,
      nm,
      d,
      w,
      kd: kind,
      lim: limit,
      td: limit,
      b: burst ?? limit,
    }))
  }

  get all(): readonly KeptLimit[] {
    return this.#limits
  }

  /** New numbers. Returns what changed. */
  update(limits: readonly KeptLimit[]): { readonly dimension: string; readonly from: number; readonly to: number }[] {
    const before = this.#limits
    this.#limits = limits
    return limits.flatMap(({ id, nm, lim }) => {
      const from = before.find((each) => each.id === id)?.lim ?? Infinity
      return Math.abs(lim - from) > 1e-3 * lim ? [{ dimension: nm, from, to: lim }] : []
    })
  }

  heard(levels: readonly number[], atMs: number): void {
    this.#levels = levels
    this.#atMs = atMs
  }

  named(name: string): KeptLimit | undefined {
    return this.#limits.find(({ nm }) => nm === name)
  }

  /** Only what the user told refuses anybody for good. */
  oversize(cost: Cost): Oversize | undefined {
    const amounts = amountsOf(cost)
    for (const limit of this.#limits) {
      const amount = amountIn(limit.d, amounts)
      if (amount > largest(limit)) return { name: limit.nm, amount, largest: largest(limit) }
    }
    return undefined
  }

  within(cost: Cost): Cost {
    let { inputTokens = 0, outputTokens = 0 } = cost
    for (const limit of this.#limits) {
      if (limit.d < 2 || limit.d > 4) continue
      const excess = Math.max(0, amountIn(limit.d, [0, inputTokens, outputTokens, 0]) - largest(limit))
      const ofInput = limit.d === 4 ? 0 : Math.min(inputTokens, excess)
      inputTokens -= ofInput
      outputTokens -= excess - ofInput
    }
    return { ...cost, inputTokens, outputTokens }
  }

  weighMs(cost: Cost): number {
    const amounts = amountsOf(cost)
    let most = 1
    for (const { d, w, lim, kd } of this.#limits)
      if (kd !== "total") most = Math.max(most, (amountIn(d, amounts) * w) / lim)
    return most
  }

  /** What the vendor states lower than it is known holds at once, whoever learns: id, limit, what remains. */
  lower(readings: readonly LimitReading[]): (readonly [string, number, number])[] {
    return readings.flatMap(({ dimension, limit = 0, remaining = limit, windowMs = 60_000 }) => {
      const known = this.#limits.find(({ id }) => id === `${dimension}/${windowMs}`)
      return known && limit > 0 && limit < known.lim * 0.999 ? [[known.id, limit, remaining] as const] : []
    })
  }

  /** When the levels would allow it, if nobody else asked. */
  msUntil(nowMs: number, { cost }: Ask): number {
    const amounts = amountsOf(cost)
    let most = 0
    for (const [index, { d, w, lim, kd, b = lim }] of this.#limits.entries()) {
      if (kd !== "bucket") continue
      const missing = Math.min(amountIn(d, amounts), b) - this.level(index, nowMs)
      most = Math.max(most, (missing * w) / lim)
    }
    return most
  }

  level(index: number, nowMs: number): number {
    const { kd, lim, w, b = lim } = this.#limits[index]!
    const level = this.#levels[index] ?? lim
    return kd === "bucket" ? Math.min(b, level + ((nowMs - this.#atMs) * lim) / w) : level
  }

  snapshot(nowMs: number): LimitSnapshot[] {
    return this.#limits.map(({ nm, d, w, kd, lim, td, lm }, index) => ({
      name: nm,
      dimension: dimensions[d]!,
      limit: Math.min(td ?? Infinity, lm ?? Infinity, td === undefined && lm === undefined ? lim : Infinity),
      level: this.level(index, nowMs),
      ...(kd !== "total" && { windowMs: w, kind: kd, effective: lim }),
    }))
  }
}

function largest({ td, lm }: KeptLimit): number {
  return td === undefined ? Infinity : Math.min(td, lm ?? Infinity) * (1 + 1e-9)
}

/** Whether what is believed of it here is what is kept there. */
export function isAsKept({ lim, b, kd, e = 0 }: KeptLimit, limit: LimitSnapshot): boolean {
  const { effective = 0, burst = 0, kind } = limit
  const isClose = (a: number, c: number): boolean => Math.abs(a - c) <= 1e-3 * Math.abs(c)
  return (
    isClose(lim, effective) && kd === kind && e === spacingOf(limit) && (kind !== "bucket" || isClose(b ?? 0, burst))
  )
}

/** In whole milliseconds: while it fades it is not told at each moment. */
export function spacingOf({ kind, earlyMs = 0 }: LimitSnapshot): number {
  return kind === "bucket" ? Math.round(earlyMs) : 0
}
