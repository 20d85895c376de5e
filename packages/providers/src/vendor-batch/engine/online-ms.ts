import type { QuotaSnapshot } from "@sluice/scheduler"

/** What an online run would have to get through. */
export interface OnlineWork {
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/** The figures of the estimate, each with its reason. */
const assumed = Object.freeze({
  /** Answers are slow, some attempts fail: what the rates alone say is the best case. */
  margin: 1.25,
  /** The last call that is admitted still has to be answered, and perhaps once more. */
  lastCallMs: 60_000,
  /** A quota that says nothing of its rates starts with a few calls at once. */
  msPerUntoldRequest: 200,
})

/** About how long this work takes online under a quota, to be on the safe side of a deadline. */
export function onlineMs(work: OnlineWork, quota: QuotaSnapshot | undefined): number {
  const { requests, inputTokens, outputTokens } = work
  const needs: Readonly<Record<string, number>> = {
    requests,
    inputTokens,
    outputTokens,
    tokens: inputTokens + outputTokens,
  }
  const rates = (quota?.limits ?? []).filter((limit) => limit.windowMs !== undefined)
  const waits = rates.map(({ dimension, limit, effective = limit, windowMs, level }) => {
    const missing = (needs[dimension] ?? 0) - Math.max(0, level)
    return Math.max(0, (missing * windowMs!) / Math.max(effective, 1e-9))
  })
  const busyMs = rates.length > 0 ? Math.max(...waits) : requests * assumed.msPerUntoldRequest
  return (quota?.gate.reopensInMs ?? 0) + busyMs * assumed.margin + assumed.lastCallMs
}
