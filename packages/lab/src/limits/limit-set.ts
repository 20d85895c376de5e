import type { VendorDimension, VendorLimits } from "../vendor/options.ts"
import { createLimitModel } from "./create-limit-model.ts"
import type { LimitModel, LimitOptions } from "./limit-model.ts"

const dayMs = 86_400_000
const dimensions = [
  "requests",
  "tokens",
  "inputTokens",
  "outputTokens",
  "requestsPerDay",
  "tokensPerDay",
] as const satisfies readonly VendorDimension[]

/** What a call asks for in one dimension: `needs` must fit, `takes` is charged. */
export interface Demand {
  readonly needs: number
  readonly takes: number
}
export type Asks = Partial<Readonly<Record<VendorDimension, Demand>>>

interface LimitEntry {
  readonly dimension: VendorDimension
  readonly model: LimitModel
  /** What stood ready at the start, for utilisation. */
  readonly standing: number
  taken: number
  earned: number
  earnedAtMs: number
}

/** Every rate limit of one vendor: all taken at once or none. */
export class LimitSet {
  readonly entries: readonly LimitEntry[]

  constructor(limits: VendorLimits, nowMs: number) {
    this.entries = dimensions.flatMap((dimension) => {
      const given = limits[dimension]
      if (given === undefined) return []
      const perDay = dimension === "requestsPerDay" || dimension === "tokensPerDay"
      const options: LimitOptions =
        typeof given !== "number"
          ? given
          : perDay
            ? { limit: given, windowMs: dayMs, model: "fixed" }
            : { limit: given }
      const model = createLimitModel(options, nowMs)
      const perSlice = (options.limit * (options.sliceMs ?? 1000)) / (options.windowMs ?? 60_000)
      const standing = options.model === "slices" ? perSlice : (options.burst ?? options.limit)
      return [{ dimension, model, standing, taken: 0, earned: 0, earnedAtMs: nowMs }]
    })
  }

  /** The longest wait and whose it is; 0 when all fits. */
  msUntil(nowMs: number, asks: Asks): { waitMs: number; entry: LimitEntry | undefined } {
    let waitMs = 0
    let worst: LimitEntry | undefined
    for (const entry of this.entries) {
      const ask = asks[entry.dimension]
      if (!ask) continue
      const ms = entry.model.msUntil(nowMs, ask.needs)
      if (ms > waitMs) {
        waitMs = ms
        worst = entry
      }
    }
    return { waitMs, entry: worst }
  }

  take(nowMs: number, asks: Asks): void {
    for (const entry of this.entries) {
      const amount = asks[entry.dimension]?.takes ?? 0
      if (amount === 0) continue
      entry.model.take(nowMs, amount)
      entry.taken += amount
    }
  }

  retune(nowMs: number, limits: Partial<Readonly<Record<string, number>>>): void {
    this.earn(nowMs)
    for (const { dimension, model } of this.entries) {
      const limit = limits[dimension]
      if (limit !== undefined) model.retune(nowMs, limit)
    }
  }

  /** Adds up what the limits allowed so far. */
  earn(nowMs: number): void {
    for (const entry of this.entries) {
      entry.earned += ((nowMs - entry.earnedAtMs) * entry.model.limit) / entry.model.windowMs
      entry.earnedAtMs = nowMs
    }
  }
}
