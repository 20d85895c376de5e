import type { LinkedAbort } from "../run/linked-abort.ts"
import { isPromiseLike } from "../maybe-promise.ts"
import type { Outcome } from "../outcome.ts"
import type { Collector } from "./collector.ts"

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
