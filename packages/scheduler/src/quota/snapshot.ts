/** One limit of a quota, as believed now. */
export interface LimitSnapshot {
  readonly name: string
  readonly dimension: string
  /** Per window; for `concurrency` calls at once, for `budgetUsd` dollars in all. */
  readonly limit: number
  /** What could be taken now; negative in debt. */
  readonly level: number
  /** Rates only. */
  readonly windowMs?: number
  readonly kind?: "bucket" | "sliding" | "fixed"
  /** Buckets only: what may leave at once. */
  readonly burst?: number
  /** By how many milliseconds calls are kept further apart than the limit asks, as some arrived too early. */
  readonly earlyMs?: number
  /** What others seem to take from the same limit, per window. */
  readonly others?: number
  /** What is being used of it: the limit, less what refusals taught and others take. */
  readonly effective?: number
}

/** What is known of the limits, as plain data. */
export interface LedgerSnapshot {
  readonly inFlight: number
  readonly gate: { readonly state: "open" | "closed" | "ramping"; readonly reopensInMs?: number }
  readonly limits: readonly LimitSnapshot[]
}

/** A quota as plain data. No key, prompt or header is in it. */
export interface QuotaSnapshot extends LedgerSnapshot {
  readonly name: string
  readonly waiting: number
  /** The first of those that wait: what it waits for, and for how long; without `inMs` until a call in flight makes room. */
  readonly next?: { readonly blockedBy: string; readonly inMs?: number }
}

/** Why one call waits. */
export interface WaitExplanation {
  /** The item that made the call, where there is one: `digest/summarise[3]`. */
  readonly site: string | undefined
  readonly tenant: string
  readonly priority: number
  readonly waitedMs: number
  readonly ahead: number
  readonly blockedBy: string
  /** On the quota's clock; `undefined` when only a call in flight can make room. */
  readonly untilMs: number | undefined
  /** Up to five calls that hold what it waits for. */
  readonly heldBy: readonly { readonly site: string | undefined; readonly heldMs: number }[]
  /** Where calls in flight hold the dollars: the numbers, and what lets more run at once. */
  readonly advice?: string
}
