import type { ItemWork, MapOptions } from "@sluice/core"
import { checkLimiter, checkOptions, concurrency, itemChecks } from "@sluice/core/internal"
import { systemRuntime } from "@sluice/scheduler"

/**
 * All results in input order. The first failure aborts what is in flight, waits for it to settle, and comes out as it was
 * thrown: programs written for `pocketflow` look at their own errors.
 */
export async function mapAll<I, O>(
  source: Iterable<I> | AsyncIterable<I>,
  work: ItemWork<I, O>,
  options: Pick<MapOptions, "concurrency">,
): Promise<O[]> {
  const { policy = {} } = work
  checkOptions("limits", { ...policy, ...options }, { ...itemChecks, concurrency })
  checkLimiter("limits", policy)
  const results: O[] = []
  // In order of completion, so that a failure is taken when it happens; a spent budget of failures, unlike `"stop"`, hands
  // out the failed outcome itself before it ends the map.
  const outcomes = systemRuntime.executor.map(source, work, {
    ...options,
    order: "completion",
    onError: { maxFailures: 0 },
  })
  for await (const outcome of outcomes) {
    if (outcome.status === "failed") throw outcome.error
    results[outcome.index] = outcome.value
  }
  return results
}
