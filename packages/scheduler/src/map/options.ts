import type { AttemptContext, AttemptEnd, Clock, ItemOptions, MapOptions, Outcome, Random } from "@sluice/core"
import { checkCount, invalidOption } from "../invalid-option.ts"

/** One attempt at one item. */
export type ItemFunction<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

export interface ParallelMapOptions<I, O> extends MapOptions, ItemOptions<I, O> {
  /** Each attempt at each item, after it ended. */
  readonly onAttempt?: (event: AttemptEnd) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** The outcomes as they come. Iterate once; leaving the loop ends the work. */
export interface ParallelMap<O> extends AsyncIterableIterator<Outcome<O>, undefined> {
  /** May be set while the map runs, if it was a number. */
  concurrency: number | "auto"
  return(): Promise<IteratorResult<Outcome<O>, undefined>>
  /** The values alone. The error of an item that failed is thrown, as it was, and ends the work: none is passed over. */
  values(): AsyncGenerator<O, void, undefined>
}

/**
 * An item may take 80 s while 50 a second pass it by before its batch has to wait: an auto batch with 250 in flight
 * is not throttled by its slowest item, and 4,096 outcomes fit in any memory.
 */
export const defaultReorderWindow: number = 4_096

/** @throws SluiceError `invalid-option` naming the path. */
export function checkMapOptions(options: MapOptions): void {
  const { concurrency, order, onError, reorderWindow, priority } = options
  if (concurrency !== undefined) checkConcurrency(concurrency)
  if (order !== undefined && order !== "input" && order !== "completion") {
    throw invalidOption("order", '"input" or "completion"', order)
  }
  if (reorderWindow !== undefined) checkCount("reorderWindow", reorderWindow)
  if (priority !== undefined && Number.isNaN(priority)) throw invalidOption("priority", "a number", priority)
  if (typeof onError === "object") {
    const { maxFailures, maxFailureRatio, after } = onError
    if (maxFailures !== undefined) checkCount("onError.maxFailures", maxFailures, 0)
    if (maxFailureRatio !== undefined && !(maxFailureRatio >= 0 && maxFailureRatio <= 1)) {
      throw invalidOption("onError.maxFailureRatio", "a number from 0 to 1", maxFailureRatio)
    }
    if (after !== undefined) checkCount("onError.after", after, 0)
  } else if (onError !== undefined && onError !== "stop" && onError !== "collect") {
    throw invalidOption("onError", '"stop", "collect" or a budget of failures', onError)
  }
}

export function checkConcurrency(concurrency: unknown): void {
  if (concurrency !== "auto") checkCount("concurrency", concurrency)
}
