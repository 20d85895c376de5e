import { checkMapAllOptions, checkWork, type ParallelMapOptions, type ItemFunction } from "./options.ts"
import { parallelMap } from "./parallel-map.ts"

/** What `parallelMap` takes, but for what would change what comes back. */
export type MapAllOptions<I, O> = Omit<ParallelMapOptions<I, O>, "order" | "onError" | "reorderWindow">

/**
 * Calls `fn` for each of `items`, many at a time, and resolves to the values in input order.
 *
 * The first item that fails for good stops it: nothing more is started, `context.signal` of what runs is aborted, and the
 * promise rejects once all of it has ended. All values are kept; `parallelMap` streams, and collects failures.
 *
 * @throws SluiceError `invalid-option` at once. Rejects with `item-failed`, whose `cause` is the item's own error, with an
 * error of `items`, or with `signal.reason` untouched.
 *
 * @example
 * ```ts
 * await mapAll(["a", "bb", "ccc"], async (text) => text.length) // => [1, 2, 3]
 * ```
 */
export function mapAll<I, O>(
  items: Iterable<I> | AsyncIterable<I>,
  fn: ItemFunction<I, O>,
  options: MapAllOptions<I, O> = {},
): Promise<O[]> {
  checkWork("mapAll", items, fn)
  checkMapAllOptions(options)
  return Array.fromAsync(parallelMap(items, fn, options).values())
}
