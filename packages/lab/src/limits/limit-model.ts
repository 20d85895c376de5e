/** How a vendor counts one dimension. Time is an argument and must not go back; no clock inside. */
export interface LimitModel {
  readonly limit: number
  readonly windowMs: number
  /** Takes `amount` if it fits now. */
  tryTake(nowMs: number, amount: number): boolean
  /** Takes `amount` whether it fits or not: output tokens are known only after the call was let in. */
  take(nowMs: number, amount: number): void
  /** What a header would say is left of `limit`. */
  remaining(nowMs: number): number
  /** Milliseconds until `amount` fits if nobody else takes: 0 now, `Infinity` never. */
  msUntil(nowMs: number, amount: number): number
  /** Milliseconds until everything is back: what a reset header says. */
  msUntilFull(nowMs: number): number
  /** A new limit, from now on. What was taken stays taken. */
  retune(nowMs: number, limit: number): void
}

/**
 * - `bucket`: refills continuously, `burst` deep (default: the whole limit stands ready)
 * - `slices`: "60 per minute enforced as 1 per second"
 * - `sliding`: never more than the limit in any window
 * - `fixed`: a fresh limit at each window's start
 */
export type LimitKind = "bucket" | "slices" | "sliding" | "fixed"

export interface LimitOptions {
  readonly limit: number
  /** What `limit` counts in. Default 60,000. */
  readonly windowMs?: number
  /** Default `"bucket"`. */
  readonly model?: LimitKind
  /** Buckets only: how much can stand ready. Default `limit`. */
  readonly burst?: number
  /** Slices only: their length, on the vendor's clock. Default 1,000; Azure counts requests in 1 s or 10 s. */
  readonly sliceMs?: number
  /** Fixed windows only: a moment at which one starts, on the vendor's clock. Default 0. */
  readonly anchorMs?: number
}

/** Absorbs what floating-point time loses: a call told to come back in `msUntil` must fit when it does. */
export const slack = 1e-6
