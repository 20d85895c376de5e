import { FixedWindow } from "./fixed-window.ts"
import type { RateKind } from "./rate-limit-options.ts"
import { SlidingWindow } from "./sliding-window.ts"
import { TokenBucket } from "./token-bucket.ts"

export type RateModel = TokenBucket | SlidingWindow | FixedWindow

/** Counts as the vendor does, full at `nowMs`. A fixed window whose reset nobody knows counts as sliding: safe for any alignment. */
export function rateModel(
  kind: RateKind,
  options: {
    readonly limit: number
    readonly windowMs: number
    readonly burst: number
    readonly marginMs: number
    readonly nowMs: number
    readonly resetAtMs: number | undefined
  },
): RateModel {
  const { resetAtMs } = options
  if (kind === "bucket") return new TokenBucket(options)
  if (kind === "fixed" && resetAtMs !== undefined) return new FixedWindow({ ...options, resetAtMs })
  return new SlidingWindow(options)
}
