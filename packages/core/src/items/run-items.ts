import type { Work } from "../run/context.ts"
import { createCollector, type Delivery } from "./deliver.ts"
import { SluiceError } from "../errors.ts"
import { createFailurePolicy } from "./failure-policy.ts"
import { createItemRunner, type ItemTask } from "./item-work.ts"
import { LinkedAbort } from "../run/linked-abort.ts"
import { isPromiseLike } from "../maybe-promise.ts"
import type { Outcome } from "../outcome.ts"

/** A vendor's batch is answered at once and takes up to this many requests: the first item must not keep them out. */
const laneWindow = 100_000

export type ItemSource<Item> = Iterable<Item> | AsyncIterable<Item>

/** Runs every item of a source and resolves to what `post` gets. Settles after everything it started has. */
export async function settleItems<Item, Result>(
  source: ItemSource<Item> | null | undefined,
  task: ItemTask<Item, Result>,
  options: Delivery,
  work: Work,
  visit: number,
): Promise<unknown> {
  const { concurrency = "auto", onError = "stop", order = "input", lane = "online" } = options
  const items = checkSource(source, work.path)
  const abort = new LinkedAbort(work.signal)
  const runItem = createItemRunner(task, work, visit, createFailurePolicy(onError, work.path), abort)
  const outcomes = work.frame.run.runtime.executor.map(
    items,
    runItem,
    // When to stop is decided here, as items settle, and reaches the executor as a cancel.
    {
      concurrency,
      order,
      onError: "collect",
      signal: abort.signal,
      priority: work.priority,
      ...(lane !== "online" && { reorderWindow: laneWindow }),
    },
  )
  return deliver(outcomes, options, abort)
}

/** Hands outcomes over until there are no more. */
export async function deliver(
  outcomes: AsyncIterable<Outcome<Outcome<unknown>>>,
  options: Delivery,
  abort: LinkedAbort,
  byIndex = false,
): Promise<unknown> {
  const collector = createCollector(options, byIndex)
  try {
    for await (const settled of outcomes) {
      if (settled.status === "failed") throw settled.error
      const taken = collector.take(settled.value)
      if (isPromiseLike(taken)) await taken
    }
    // Stopped by the last item.
    if (abort.signal.aborted) throw abort.signal.reason
    return collector.result()
  } catch (error) {
    abort.abort(error)
    throw error
  } finally {
    abort.unlink()
  }
}

/** Nothing is no items; a string is an iterable of its letters, which nobody means. */
export function checkSource<Item>(source: ItemSource<Item> | null | undefined, path: string): ItemSource<Item> {
  if (source === undefined || source === null) return []
  if (typeof source === "object" && (Symbol.iterator in source || Symbol.asyncIterator in source)) return source
  throw new SluiceError(
    "invalid-option",
    `prep of "${path}" answered ${typeof source === "string" ? "a string" : `something of type ${typeof source} that is not iterable`}; it must answer an array, an Iterable, an AsyncIterable or nothing.`,
  )
}
