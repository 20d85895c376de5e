import { checkCount } from "../check-options.ts"
import { invalidOption } from "../options.ts"
import { checkLane, type Lane } from "../model/lane.ts"
import type { Outcome } from "../outcome.ts"
import type { OnError } from "../ports/executor.ts"

/** How a batch runs its items and hands its outcomes over. */
export interface Delivery {
  readonly concurrency?: number | "auto"
  readonly onError?: OnError
  readonly onOutcome?: (outcome: Outcome<never>) => unknown
  readonly order?: "input" | "completion"
  readonly lane?: Lane
}

/** What `post` gets when `onOutcome` took the outcomes. */
export interface BatchSummary {
  readonly settled: number
  readonly ok: number
  readonly failed: number
}

/** Checked once, at construction. */
export function checkDelivery(where: string, options: Delivery): void {
  const { concurrency, onError, order, lane } = options
  checkLane(where, lane)
  if (concurrency !== "auto") checkCount(where, "concurrency", concurrency)
  if (order !== undefined && order !== "input" && order !== "completion") {
    throw invalidOption(where, "order", '"input" or "completion"', order)
  }
  if (onError === undefined || onError === "stop" || onError === "collect") return
  if (typeof onError !== "object" || onError === null) {
    throw invalidOption(where, "onError", '"stop", "collect" or { maxFailures, maxFailureRatio, after }', onError)
  }
  checkCount(where, "onError.maxFailures", onError.maxFailures, 0)
  checkCount(where, "onError.after", onError.after)
  const ratio = onError.maxFailureRatio
  if (ratio !== undefined && !(ratio >= 0 && ratio <= 1)) {
    throw invalidOption(where, "onError.maxFailureRatio", "a number from 0 to 1", ratio)
  }
}

/** The part that is data. */
export function deliveryJSON(options: Delivery): Record<string, unknown> {
  const { concurrency, onError, order, lane } = options
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(onError !== undefined && { onError }),
    ...(order !== undefined && { order }),
    ...(lane !== undefined && { lane }),
  }
}
