import type { AttemptContext, AttemptEnd, Clock, ItemOptions, MapOptions, Outcome, Random } from "@sluice/core"
import {
  callable,
  checkArgument,
  checkLimiter,
  checkOptions,
  clock,
  concurrency,
  iterable,
  itemChecks,
  mapChecks,
  random,
  type Shape,
} from "@sluice/core/internal"

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

const checks: Shape<ParallelMapOptions<never, never>> = {
  ...itemChecks,
  ...mapChecks,
  onAttempt: callable,
  clock,
  random,
}

/** @throws SluiceError `invalid-option` naming the path. */
export function checkMapOptions<I, O>(options: ParallelMapOptions<I, O>): void {
  checkOptions("parallelMap", options, checks)
  checkLimiter("parallelMap", options)
}

const { order: _order, onError: _onError, reorderWindow: _window, ...forAll } = checks

/** What there is to do: items, and a function for each. */
export function checkWork(where: "parallelMap" | "mapAll", source: unknown, fn: unknown): void {
  checkArgument(where, where === "mapAll" ? "items" : "source", source, iterable)
  checkArgument(where, "fn", fn, callable)
}

/** @throws SluiceError `invalid-option` naming the path. */
export function checkMapAllOptions<I, O>(
  options: Omit<ParallelMapOptions<I, O>, "order" | "onError" | "reorderWindow">,
): void {
  checkOptions("mapAll", options, forAll)
  checkLimiter("mapAll", options)
}

/** @throws SluiceError `invalid-option` naming the path. */
export function checkConcurrency(to: unknown): void {
  checkOptions("parallelMap", { concurrency: to }, { concurrency })
}
