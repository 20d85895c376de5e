import { checkCount, checkPositive } from "../check-options.ts"
import { invalidOption } from "../options.ts"
import type { Cost } from "../cost.ts"
import type { ItemOptions, Limiter, RetryOptions } from "../ports/ports.ts"

/** What steps and batches say about each attempt at an item (in a step: at the prepared value). */
export interface ItemPolicy<Input> {
  /** Default: one attempt. */
  readonly retry?: RetryOptions
  /** Per attempt: aborts its `ctx.signal`, and counts as an attempt. */
  readonly timeoutMs?: number
  /** Admits each attempt, for calls that are not HTTP. */
  readonly limiter?: Limiter
  /** What `limiter` is asked for. Default: one request. */
  readonly cost?: (input: Input) => Cost
  /** A new one makes a journal's records of this node void. */
  readonly version?: string
}

type Options<Input> = ItemPolicy<Input> & { readonly fallback?: unknown }

/** Checked once, at construction. */
export function checkPolicy(where: string, options: Options<never>): void {
  const { retry, timeoutMs } = options
  checkPositive(where, "timeoutMs", timeoutMs)
  if (retry) checkRetry(where, retry)
  if (options.cost && !options.limiter)
    throw invalidOption(where, "limiter", "given with cost, which is asked of it", undefined)
}

function checkRetry(where: string, { maxAttempts }: RetryOptions): void {
  if (maxAttempts === undefined)
    throw invalidOption(where, "retry.maxAttempts", "a whole number of at least 1", undefined)
  checkCount(where, "retry.maxAttempts", maxAttempts)
}

/** What the executor gets, or nothing when one plain call does. */
export function policyOf<Input, Result>(options: Options<Input>): ItemOptions<Input, Result> | undefined {
  const { retry, timeoutMs, limiter, cost, fallback } = options
  if (!retry && timeoutMs === undefined && !limiter && !fallback) return undefined
  return {
    ...(retry && { retry }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(limiter && { limiter }),
    ...(cost && { cost }),
  }
}

/** The part that is data. */
export function policyJSON(options: Options<never>): { options?: Record<string, unknown> } {
  const { retry, timeoutMs, version } = options
  const data = {
    ...(retry && { maxAttempts: retry.maxAttempts }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(version !== undefined && { version }),
  }
  return Object.keys(data).length > 0 ? { options: data } : {}
}
