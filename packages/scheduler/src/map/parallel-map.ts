import {
  checkMapAllOptions,
  checkMapOptions,
  checkWork,
  type ItemFunction,
  type ParallelMap,
  type ParallelMapOptions,
} from "./options.ts"
import { Mapping } from "./mapping.ts"
import { systemClock, systemRandom } from "../runtime/system-clock.ts"

/**
 * Calls `fn` for each item of `source`, many at a time, and yields one outcome per item.
 *
 * - Pulls: at most `concurrency` items run, and what is finished and not yet taken never outnumbers them. Memory is
 *   O(in flight + reorder window), whatever the length of `source`.
 * - Stops: the first final failure (see `onError`), an abort of `signal` or leaving the loop starts nothing more, aborts
 *   `context.signal`, waits for what runs, and closes `source`.
 * - Attempts, their time limits and their permits belong to one item; nothing is held between attempts.
 * - `concurrency: "auto"` pulls while fewer than 16 items wait for admission and fewer than 16 run without a permit.
 * - Nested maps with the same `limiter` borrow the place of the item that waits for them.
 *
 * @throws SluiceError `invalid-option`. The iterator rejects with `item-failed` or `too-many-failures` (the `cause` is the
 * item's own error), with an error of `source`, or with `signal.reason` untouched.
 *
 * @example
 * ```ts
 * const lengths: number[] = []
 * for await (const outcome of parallelMap(["a", "bb", "ccc"], async (text) => text.length, { concurrency: 2 })) {
 *   if (outcome.status === "ok") lengths.push(outcome.value)
 * }
 * lengths // => [1, 2, 3]
 * ```
 */
export function parallelMap<I, O>(
  source: Iterable<I> | AsyncIterable<I>,
  fn: ItemFunction<I, O>,
  options: ParallelMapOptions<I, O> = {},
): ParallelMap<O> {
  checkWork("parallelMap", source, fn)
  checkMapOptions(options)
  const { onAttempt, clock = systemClock, random = systemRandom } = options
  const work = { attempt: fn, policy: options, ...(onAttempt && { attempted: onAttempt }) }
  return new Mapping(source, work, options, clock, random)
}

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
