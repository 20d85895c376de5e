/**
 * What one call takes from a quota, per dimension. Absent means 0, except `requests`, which is 1.
 * Before the call it is an *estimate*, at settle the *actual*.
 */
export interface Cost {
  readonly requests?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
  /** US dollars. */
  readonly usd?: number
}
