import type { CheckedRun } from "./checked-run.ts"
import type { BulkRunResult } from "./items/bulk-run.ts"

/**
 * Whether a new run was left, found nobody to ask, or failed over its first input, before anything came of it, so that nothing has to stay: no answer, and nothing
 * anywhere that a later command would collect. `result` is `undefined` where the run threw.
 */
export function isNothingDone(
  { isNew, interruption, lane, options, page, journal, run }: CheckedRun,
  result: BulkRunResult | undefined,
): boolean {
  if (!isNew || lane !== "online" || options.cache || options.workers || page !== undefined) return false
  if (!result) return isUnsettled(journal, run.runId)
  const isLeft = interruption.drain.aborted || result.stopped?.code === "connection"
  return result.ok + result.failed === 0 && isLeft
}

function isUnsettled(journal: CheckedRun["journal"], runId: string): boolean {
  try {
    const { ok = 0, failed = 0 } = journal.runs().find((each) => each.runId === runId) ?? {}
    return ok + failed === 0
  } catch {
    // What ended the run is told; a journal that cannot be read stays as it is.
    return false
  }
}
