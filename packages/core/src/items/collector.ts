import type { BatchSummary, Delivery } from "./delivery.ts"
import type { Outcome } from "../outcome.ts"

/** Takes the outcomes of one run of a batch, one by one. */
export interface Collector {
  /** A promise when the next outcome has to wait. */
  readonly take: (outcome: Outcome<unknown>) => unknown
  /** What `post` gets. */
  readonly result: () => unknown
}

/** `byIndex`: outcomes come as they complete and are kept in input order. */
export function createCollector(options: Delivery, byIndex: boolean): Collector {
  const { onOutcome, onError = "stop" } = options
  if (onOutcome) {
    let ok = 0
    let failed = 0
    return {
      take: (outcome) => {
        if (outcome.status === "ok") ok++
        else failed++
        return onOutcome(outcome as Outcome<never>)
      },
      result: (): BatchSummary => ({ settled: ok + failed, ok, failed }),
    }
  }
  const kept: unknown[] = []
  return {
    // With "stop" a failure ends the batch, so a failed outcome is never the result.
    take: (outcome) => {
      kept[byIndex ? outcome.index : kept.length] =
        onError === "stop" && outcome.status === "ok" ? outcome.value : outcome
    },
    result: () => kept,
  }
}
