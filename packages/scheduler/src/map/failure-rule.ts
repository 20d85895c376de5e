import { SluiceError, type OnError, type Outcome } from "@sluice/core"

/** Looks at each outcome as it comes; the error that stops the map, if this outcome does. */
export type FailureRule = (outcome: Outcome<unknown>) => SluiceError | undefined

/** Why 20: a ratio over fewer items says little; one failure of two is already half. */
const defaultAfter = 20

export function failureRule(onError: OnError = "stop"): FailureRule {
  if (onError === "collect") return () => undefined
  if (onError === "stop") return (outcome) => (outcome.status === "failed" ? itemFailed(outcome) : undefined)
  const { maxFailures = Infinity, maxFailureRatio = 1, after = defaultAfter } = onError
  let settled = 0
  let failures = 0
  return (outcome) => {
    settled++
    if (outcome.status === "ok") return undefined
    failures++
    const tooMany = failures > maxFailures
    if (!tooMany && !(settled >= after && failures / settled > maxFailureRatio)) return undefined
    const budget = tooMany ? `maxFailures is ${maxFailures}` : `maxFailureRatio is ${maxFailureRatio}`
    return new SluiceError("too-many-failures", `${failures} of ${settled} settled items failed; ${budget}.`, {
      cause: outcome.error,
      details: { failures, settled, maxFailures, maxFailureRatio },
    })
  }
}

function itemFailed({ index, attempts, error }: Outcome<unknown> & { status: "failed" }): SluiceError {
  if (SluiceError.isInstance(error) && error.code === "item-failed") return error
  const message = error instanceof Error ? error.message : String(error)
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`
  return new SluiceError("item-failed", `Item ${index} failed after ${tries}: ${message}`, {
    cause: error,
    details: { index, attempts },
  })
}
