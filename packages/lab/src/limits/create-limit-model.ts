import { checkOptions } from "@sluice/core/internal"
import { limitChecks } from "../vendor/vendor-checks.ts"
import { FixedWindowModel } from "./fixed-window.ts"
import { Slices } from "./slices.ts"
import { SlidingWindowModel } from "./sliding-window.ts"
import { TokenBucketModel } from "./token-bucket.ts"
import type { LimitModel, LimitOptions } from "./limit-model.ts"

/** The model that `options` describe, full at `nowMs`. */
export function createLimitModel(options: LimitOptions, nowMs = 0): LimitModel {
  checkOptions("createLimitModel", options, limitChecks)
  const { limit, windowMs = 60_000, model = "bucket", burst = limit, sliceMs = 1000, anchorMs = 0 } = options
  switch (model) {
    case "bucket":
      return new TokenBucketModel(limit, windowMs, burst, nowMs)
    case "slices":
      return new Slices(limit, windowMs, sliceMs, nowMs)
    case "sliding":
      return new SlidingWindowModel(limit, windowMs)
    case "fixed":
      return new FixedWindowModel(limit, windowMs, anchorMs)
  }
}
