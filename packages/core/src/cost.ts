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

/** The sum, dimension by dimension. Unlike in an estimate, an absent `requests` is 0 here. */
export function addCosts(a: Cost, b: Cost): Cost {
  const sum: Record<string, number> = { ...a }
  for (const [dimension, amount] of Object.entries(b)) sum[dimension] = (sum[dimension] ?? 0) + amount
  return sum
}
