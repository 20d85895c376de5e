import type { Limiter } from "@sluice/core"

/** What this package adds to `pocketflow`'s classes. The executor checks them when the node runs. */
export interface Limits {
  /**
   * How many items of a batch, or sub-flows of a batch flow, run at once: a number, or `"auto"` for as many as the quota
   * behind their calls admits. Default 1, and `"auto"` in the parallel kinds.
   */
  readonly concurrency?: number | "auto"
  /** Admits each attempt, for calls that are not HTTP; of a batch flow, each sub-flow. */
  readonly limiter?: Limiter
  /** Whose limiter admits an item, where `limiter` is `keyed`. */
  readonly limiterKey?: (item: unknown) => string
  /** Per attempt, which it fails; of a batch flow, per sub-flow. */
  readonly timeoutMs?: number
}
