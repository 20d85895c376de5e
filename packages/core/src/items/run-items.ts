import { createCollector, deliver, type Delivery } from "./delivery.ts"
import { SluiceError } from "../errors.ts"
import { failurePolicy } from "./failure-policy.ts"
import { itemWork, type ItemTask } from "./item-work.ts"
import { LinkedAbort } from "../run/linked-abort.ts"
import type { Outcome } from "../outcome.ts"
import type { Work } from "../scope/work.ts"

/** A vendor batch holds up to this many requests and returns their answers together: a smaller window would hold requests back until the first is answered. */
const laneWindow = 100_000

export type ItemSource<Item> = Iterable<Item> | AsyncIterable<Item>

/** Runs every item of a source and resolves to what `post` gets. Settles after everything it started has. */
export async function runItems<Item, Result>(
  source: ItemSource<Item> | null | undefined,
  task: ItemTask<Item, Result>,
  options: Delivery,
  work: Work,
  visit: number,
): Promise<unknown> {
  const { concurrency = "auto", onError = "stop", order = "input", lane = "online" } = options
  const items = checkSource(source, work.path)
  const abort = new LinkedAbort(work.signal)
  const outcomes = work.frame.run.runtime.executor.map(
    items,
    itemWork(task, work, visit, stopping(abort, onError, work.path)),
    {
      concurrency,
      order,
      // When to stop is decided here, as items settle, and reaches the executor as a cancel.
      onError: "collect",
      signal: abort.signal,
      priority: work.priority,
      ...(lane !== "online" && { reorderWindow: laneWindow }),
    },
  )
  return deliver(outcomes, createCollector(options, false), abort)
}

/** Counts outcomes, and aborts once they end the batch. */
export function stopping(
  abort: LinkedAbort,
  onError: NonNullable<Delivery["onError"]>,
  path: string,
): (outcome: Outcome<unknown>) => void {
  const policy = failurePolicy(onError, path)
  return (outcome) => {
    const reason = policy(outcome)
    if (reason) abort.abort(reason)
  }
}

/** `undefined` and `null` mean no items. A string is refused: iterating it would give its letters. */
export function checkSource<Item>(source: ItemSource<Item> | null | undefined, path: string): ItemSource<Item> {
  if (source === undefined || source === null) return []
  if (typeof source === "object" && (Symbol.iterator in source || Symbol.asyncIterator in source)) return source
  throw new SluiceError(
    "invalid-option",
    `prep of "${path}" returned ${typeof source === "string" ? "a string" : `something of type ${typeof source} that is not iterable`}; it must return an array, an Iterable, an AsyncIterable or nothing.`,
  )
}
