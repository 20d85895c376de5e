import { between, checkOptions } from "@sluice/core/internal"

/** Bounds the share of retries among all calls, over everybody who holds the same budget. */
export interface RetryBudget {
  /** A first attempt started: earns a fraction of a retry. */
  earn(): void
  /** Takes one retry, if there is one. */
  trySpend(): boolean
}

/** The defaults, each with its reason. */
export const retryBudgetDefaults: { readonly share: number; readonly reserve: number } = Object.freeze({
  /** A vendor that is down is sent at most a fifth more than the work itself. */
  share: 0.2,
  /** A short batch may retry although it has not earned anything yet. */
  reserve: 10,
})

/**
 * A token bucket that first attempts fill and retries empty: when everything fails, retries stop multiplying the load.
 *
 * Never more than `reserve` retries are saved up, so a quiet hour does not pay for a storm.
 * Retries that the vendor invited by naming a time are free.
 *
 * Source: the retry budget of Twitter's Finagle.
 *
 * @example
 * ```ts
 * const budget = retryBudget({ share: 0.5, reserve: 1 })
 * budget.trySpend() // => true
 * budget.trySpend() // => false
 * budget.earn()
 * budget.earn()
 * budget.trySpend() // => true
 * ```
 */
export function retryBudget(options: { readonly share?: number; readonly reserve?: number } = {}): RetryBudget {
  checkOptions("retryBudget", options, { share: between(0, Infinity), reserve: between(1, Infinity) })
  const { share, reserve } = { ...retryBudgetDefaults, ...options }
  let retries = reserve
  return {
    earn() {
      retries = Math.min(reserve, retries + share)
    },
    trySpend() {
      // Sums of 0.2 fall a hair short of 1.
      if (retries < 1 - 1e-9) return false
      retries -= 1
      return true
    },
  }
}
