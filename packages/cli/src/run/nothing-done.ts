import type { CheckedRun } from "./checked-run.ts"
import type { BulkRunResult } from "./items/bulk-run.ts"

/**
 * Whether a new run was left before anything came of it, so that nothing has to stay: no answer, and nothing anywhere that a later command
 * would collect.
 */
export function isNothingDone(
  { isNew, interruption, lane, options, page }: CheckedRun,
  result: BulkRunResult | undefined,
): boolean {
  if (!isNew || !result || result.ok + result.failed > 0 || !interruption.drain.aborted) return false
  return lane === "online" && !options.cache && !options.workers && page === undefined
}
