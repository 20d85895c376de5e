import type { SluiceError } from "./errors.ts"
import { amount, type Check, fields, hasAmounts, wrongArgument } from "./options.ts"

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

/** Whether its amounts are numbers from 0 up, and it has no other names: either would make every later sum wrong. */
export function isCost(cost: Cost): boolean {
  return hasAmounts(cost, "requests", "inputTokens", "outputTokens", "usd")
}

/** Finds what `isCost` is not content with. */
export const costCheck: Check = fields<Cost>({
  requests: amount,
  inputTokens: amount,
  outputTokens: amount,
  usd: amount,
})

/** The error of what is no cost; `what` it is called in what was asked. */
export function wrongCost(where: string, what: string, cost: Cost): SluiceError | undefined {
  return isCost(cost) ? undefined : wrongArgument(where, what, cost, costCheck)
}
