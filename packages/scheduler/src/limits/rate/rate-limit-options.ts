import type { Dimension } from "../budget.ts"

/** How the vendor counts: continuously, in any window, or between two resets. */
export type RateKind = "bucket" | "sliding" | "fixed"

export interface RateLimitOptions {
  readonly name: string
  readonly dimension: Dimension
  readonly windowMs: number
  /** The user's word: a ceiling. */
  readonly told?: number
  /** The vendor's word. Without either it is a guess, and moves with the evidence. */
  readonly stated?: number
  /** Unknown: treated as a bucket until an answer contradicts. */
  readonly kind?: RateKind
  /** Depth of the bucket. Unknown: found by slow start, and by what the vendor says remains. */
  readonly burst?: number
  /** The first reset, for `kind: "fixed"`; without one the window is treated as sliding, which is safe for any alignment. */
  readonly resetAtMs?: number
  /** How much later than another a call may reach the vendor than it left. */
  readonly jitterMs: number
  readonly nowMs: number
}
