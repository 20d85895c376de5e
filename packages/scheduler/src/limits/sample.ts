/** One call that succeeded, as far as this algorithm looks at it. */
export interface Sample {
  /** Calls in flight as this one left, itself included. */
  readonly inFlight: number
  readonly totalMs?: number
  readonly firstTokenMs?: number
  readonly outputTokens?: number
}
