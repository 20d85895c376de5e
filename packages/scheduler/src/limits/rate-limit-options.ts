import type { Growth } from "../quota/learned-share.ts"
import type { Dimension } from "./budget.ts"

/** How the vendor counts: continuously, in any window, or between two resets. */
export type RateKind = "bucket" | "sliding" | "fixed"

export interface RateLimitOptions {
  readonly name: string
  readonly dimension: Dimension
  readonly limit: number
  readonly windowMs: number
  /** Unknown: treated as a bucket until an answer contradicts. */
  readonly kind?: RateKind
  /** Depth of the bucket. Unknown: found by a ramp that doubles, and by what the vendor says remains. */
  readonly burst?: number
  /** The first reset, for `kind: "fixed"`; without one the window is treated as sliding, which is safe for any alignment. */
  readonly resetAtMs?: number
  /** How much later than another a call may reach the vendor than it left. */
  readonly jitterMs: number
  readonly nowMs: number
  /** The limit is the user's word and a ceiling; otherwise it was learned and moves with the evidence. */
  readonly told: boolean
  /** The limit is a guess from refusals: this is how it tries for more. */
  readonly growth?: Growth
}

/** A rate as the user names it. */
export type Told = Pick<RateLimitOptions, "name" | "limit" | "kind" | "burst" | "resetAtMs">

/** What a refusal says of one limit. */
export interface Refusal {
  readonly admittedMs: number
  readonly retryAfterMs?: number | undefined
  /** What its own headers say remains. More than the call needed: something shorter stands behind the limit. */
  readonly remaining?: number | undefined
  /** What calls in flight will still be charged, or were as they ended: a bucket may be that deep in debt. */
  readonly uncharged?: number
}
