import { FixedWindowModel } from "./fixed-window.ts"
import { Slices } from "./slices.ts"
import { SlidingWindowModel } from "./sliding-window.ts"
import { TokenBucketModel } from "./token-bucket.ts"
import type { LimitModel, LimitOptions } from "./limit-model.ts"

/** The model that `options` describe, full at `nowMs`. */
export function createLimitModel(options: LimitOptions, nowMs = 0): LimitModel {
  const { limit, windowMs = 60_000, model = "bucket", burst = limit, sliceMs = 1000, anchorMs = 0 } = options
  for (const [name, value] of Object.entries({ limit, windowMs, burst, sliceMs })) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new TypeError(`limit model: ${name} must be a finite number above 0, got ${String(value)}`)
    }
  }
  switch (model) {
    case "bucket":
      return new TokenBucketModel(limit, windowMs, burst, nowMs)
    case "slices":
      return new Slices(limit, windowMs, sliceMs, nowMs)
    case "sliding":
      return new SlidingWindowModel(limit, windowMs)
    case "fixed":
      return new FixedWindowModel(limit, windowMs, anchorMs)
    default:
      throw new TypeError(`limit model: model must be bucket, slices, sliding or fixed, got ${String(model)}`)
  }
}
