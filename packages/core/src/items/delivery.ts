import { callable, type Shape } from "../options.ts"
import { lane, type Lane } from "../model/lane.ts"
import { concurrency, onError, order } from "./item-checks.ts"
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

export const deliveryChecks: Shape<Delivery> = { concurrency, onError, onOutcome: callable, order, lane }

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
