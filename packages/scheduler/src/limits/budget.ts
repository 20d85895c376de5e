import type { Cost } from "@sluice/core"

/** What a limit counts. `tokens` is input plus output; `concurrency` counts calls that run now. */
export type Dimension = "requests" | "tokens" | "inputTokens" | "outputTokens" | "usd" | "concurrency"

/**
 * One limit, as pure arithmetic on its own state: time is an argument, nothing waits here.
 *
 * The contract of `take`: callers take only what `msUntil` answered 0 for, except at reconcile, where `give` with a
 * negative amount may put the limit into debt.
 */
export interface Budget {
  /** As the user wrote it: `requestsPerMinute`. */
  readonly name: string
  readonly dimension: Dimension
  /**
   * Milliseconds until `amount` fits; 0 = now; `Infinity` = not before somebody gives back.
   * `alone`: no other call runs, so no room need be kept for surprises.
   */
  msUntil(nowMs: number, amount: number, alone: boolean): number
  take(nowMs: number, amount: number): void
  /** Gives back what was taken at `takenMs` and not used (or, negative, charges what was used beyond it). */
  give(nowMs: number, amount: number, takenMs: number): void
  /** The largest amount that can ever fit. */
  largest(): number
  /** What could be taken now; negative in debt. */
  level(nowMs: number): number
  /** What `amount` weighs, in milliseconds of this limit's throughput: the measure of fair shares. */
  weighMs(amount: number): number
}

/** How much of `dimension` a cost takes. */
export function amountOf(cost: Cost, dimension: Dimension): number {
  switch (dimension) {
    case "requests":
      return cost.requests ?? 1
    case "tokens":
      return (cost.inputTokens ?? 0) + (cost.outputTokens ?? 0)
    case "inputTokens":
      return cost.inputTokens ?? 0
    case "outputTokens":
      return cost.outputTokens ?? 0
    case "usd":
      return cost.usd ?? 0
    case "concurrency":
      return 1
  }
}
