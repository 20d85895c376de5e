import { SluiceError } from "../errors.ts"
import type { OnError } from "../ports/ports.ts"

/** Why 20: a ratio over fewer items says little, one failure of two is already half. */
const defaultAfter = 20

/** Counts how the items of one run of a batch end, and says when to stop. */
export interface FailurePolicy {
  /** An item succeeded. */
  ok(): void
  /** An item failed for good: the error that stops the batch, if this failure does. */
  failed(error: unknown): unknown
}

/**
 * `"stop"`: the first failure is the end. `"collect"`: none is. A budget: `too-many-failures` once more than
 * `maxFailures` items, or more than `maxFailureRatio` of the items settled so far, have failed.
 */
export function createFailurePolicy(onError: OnError, node: string): FailurePolicy {
  if (onError === "stop") return stopAtOnce
  if (onError === "collect") return collectAll
  const { maxFailures = Number.POSITIVE_INFINITY, maxFailureRatio = 1, after = defaultAfter } = onError
  let settled = 0
  let failures = 0
  return {
    ok: () => {
      settled++
    },
    failed: (error) => {
      settled++
      failures++
      const tooMany = failures > maxFailures
      if (!tooMany && !(settled >= after && failures / settled > maxFailureRatio)) return undefined
      const budget = tooMany ? `maxFailures is ${maxFailures}` : `maxFailureRatio is ${maxFailureRatio}`
      return new SluiceError(
        "too-many-failures",
        `${failures} of ${settled} settled items of "${node}" failed; ${budget}. The last error is the cause; fix it and run again, or raise the budget.`,
        { cause: error, details: { failures, settled, maxFailures, maxFailureRatio } },
      )
    },
  }
}

const nothing = (): void => {}
const stopAtOnce: FailurePolicy = { ok: nothing, failed: (error) => error }
const collectAll: FailurePolicy = { ok: nothing, failed: nothing }
