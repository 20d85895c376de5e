import { isPromiseLike } from "../maybe-promise.ts"
import type { Executor, ItemWork, MapOptions } from "../ports/executor.ts"
import type { Outcome } from "../outcome.ts"

/** A source of one item, by which an executor knows that it needs neither workers nor a window to give outcomes back in order. */
export class OneItem<I> implements Iterable<I> {
  readonly item: I

  constructor(item: I) {
    this.item = item
  }

  *[Symbol.iterator](): Generator<I, void, undefined> {
    yield this.item
  }
}

/** Runs one item to its outcome: a map of one. Rejects for a cancel, or when the executor cannot do what is asked. */
export async function runOne<I, O>(
  executor: Executor,
  item: I,
  work: ItemWork<I, O>,
  options: Pick<MapOptions, "signal" | "priority">,
): Promise<Outcome<O>> {
  let last: Outcome<O> | undefined
  const noted = (outcome: Outcome<O>): Outcome<O> => (last = outcome)
  const settled: ItemWork<I, O>["settled"] = (outcome, ...rest) => {
    const counted = work.settled?.(outcome, ...rest)
    return isPromiseLike(counted) ? counted.then((given) => noted(given ?? outcome)) : noted(counted ?? outcome)
  }
  try {
    const outcomes = executor.map(
      new OneItem(item),
      { ...work, settled },
      { ...options, concurrency: 1, onError: "collect" },
    )
    for await (const outcome of outcomes) last = outcome
  } catch (error) {
    // An item that has settled counts, also when a cancel came before its outcome was taken.
    if (!last) throw error
  }
  return last!
}
