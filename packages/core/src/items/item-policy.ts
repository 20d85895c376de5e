import type { ItemContext } from "../scope/context.ts"
import type { Cost } from "../cost.ts"
import type { ItemOptions } from "../ports/executor.ts"
import type { Limiter, RetryOptions } from "../ports/ports.ts"

/** What steps and batches say about each attempt at an item (in a step: at the prepared value). */
export interface ItemPolicy<Input> {
  /** Default: one attempt. */
  readonly retry?: RetryOptions
  /** Per attempt: aborts its `ctx.signal`, and counts as an attempt. */
  readonly timeoutMs?: number
  /** Admits each attempt, for calls that are not HTTP. */
  readonly limiter?: Limiter
  /** Which of a `keyed` limiter's limiters admits it: a tenant, a model, a host. Needed with such a limiter, and only there. */
  readonly limiterKey?: (input: Input, context: ItemContext) => string
  /** What `limiter` is asked for. Default: one request. */
  readonly cost?: (input: Input) => Cost
  /** Changing it makes the journal's records of this node void. */
  readonly version?: string
}

type Options<Input> = ItemPolicy<Input> & { readonly fallback?: unknown }

/** What the executor gets, or nothing when one plain call does. */
export function itemOptions<Input, Result>(options: Options<Input>): ItemOptions<Input, Result> | undefined {
  const { retry, timeoutMs, limiter, limiterKey, cost, fallback } = options
  if (!retry && timeoutMs === undefined && !limiter && !fallback) return undefined
  return {
    ...(retry && { retry }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(limiter && { limiter }),
    ...(cost && { cost }),
    // They get the scope that `itemWork` or a step opens, which is an `ItemContext`.
    ...((limiterKey && { limiterKey }) as Pick<ItemOptions<Input, Result>, "limiterKey">),
    ...((fallback && { fallback }) as Pick<ItemOptions<Input, Result>, "fallback">),
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
