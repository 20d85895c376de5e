import { callable, type Shape } from "../options.ts"
import { lane, type Lane } from "../model/lane.ts"
import { concurrency, onError, order } from "./item-checks.ts"
import type { Outcome } from "../outcome.ts"
import type { OnError } from "../ports/executor.ts"
import type { LinkedAbort } from "../run/linked-abort.ts"
import { isPromiseLike } from "../maybe-promise.ts"

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

/** Hands outcomes over until there are no more, and resolves to what `post` gets. */
export async function deliver(
  outcomes: AsyncIterable<Outcome<unknown>>,
  collector: Collector,
  abort: LinkedAbort,
): Promise<unknown> {
  try {
    for await (const outcome of outcomes) {
      const taken = collector.take(outcome)
      if (isPromiseLike(taken)) await taken
    }
    // The last item may have stopped the batch.
    if (abort.signal.aborted) throw abort.signal.reason
    return collector.result()
  } catch (error) {
    abort.abort(error)
    throw error
  } finally {
    abort.unlink()
  }
}
