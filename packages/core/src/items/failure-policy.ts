import { SluiceError } from "../errors.ts"
import type { OnError } from "../ports/executor.ts"
import { ItemError } from "./item-error.ts"
import { reasonOf } from "../reason-of.ts"
import type { Outcome } from "../outcome.ts"

/** Why 20: a ratio over fewer items says little, one failure of two is already half. */
const defaultAfter = 20

/** Looks at each outcome as it comes; the error that stops the map, if this outcome does. */
export type FailurePolicy = (outcome: Outcome<unknown>) => SluiceError | undefined

/**
 * `"stop"`: the first failure is the end. `"collect"`: none is. A budget: `too-many-failures` once more than
 * `maxFailures` items, or more than `maxFailureRatio` of the items settled so far, have failed.
 */
export function failurePolicy(onError: OnError, node?: string): FailurePolicy {
  if (onError === "collect") return () => undefined
  if (onError === "stop") return (outcome) => (outcome.status === "failed" ? itemFailed(outcome) : undefined)
  const { maxFailures = Number.POSITIVE_INFINITY, maxFailureRatio = 1, after = defaultAfter } = onError
  let settled = 0
  let failures = 0
  return (outcome) => {
    settled++
    if (outcome.status === "ok") return undefined
    failures++
    const tooMany = failures > maxFailures
    if (!tooMany && !(settled >= after && failures / settled > maxFailureRatio)) return undefined
    const items = node === undefined ? "settled items" : `settled items of "${node}"`
    const budget = tooMany ? `maxFailures is ${maxFailures}` : `maxFailureRatio is ${maxFailureRatio}`
    return new SluiceError(
      "too-many-failures",
      `${failures} of ${settled} ${items} failed; ${budget}. The last error is the cause; fix it and run again, or raise the budget.`,
      { cause: outcome.error, details: { failures, settled, maxFailures, maxFailureRatio } },
    )
  }
}

function itemFailed({ index, attempts, error }: Outcome<unknown> & { status: "failed" }): SluiceError {
  if (ItemError.isInstance(error)) return error
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`
  return new SluiceError("item-failed", `Item ${index} failed after ${tries}: ${reasonOf(error)}`, {
    cause: error,
    details: { index, attempts },
  })
}
