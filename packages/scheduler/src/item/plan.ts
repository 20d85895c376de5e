import type { Clock, ItemOptions, ItemWork, Random } from "@sluice/core"
import { callable, invalidOption, limiter as isLimiter, milliseconds, retry, type Shape } from "@sluice/core/internal"

/** What is done with each item of a map, with the ports that it needs. */
export interface ItemPlan<I, O> {
  readonly work: ItemWork<I, O>
  readonly policy: ItemOptions<I, O>
  readonly clock: Clock
  readonly random: Random
  readonly maxAttempts: number
  /** An item is one attempt: none follows it, and nothing stands in for it. */
  readonly isSingle: boolean
}

export function itemPlan<I, O>(work: ItemWork<I, O>, clock: Clock, random: Random): ItemPlan<I, O> {
  const { policy = {} } = work
  const maxAttempts = policy.retry?.maxAttempts ?? 1
  return { work, policy, clock, random, maxAttempts, isSingle: maxAttempts === 1 && !policy.fallback && !work.known }
}

export const itemChecks: Shape<ItemOptions<never, never>> = {
  retry,
  timeoutMs: milliseconds,
  fallback: callable,
  limiter: isLimiter,
  limiterKey: callable,
  cost: callable,
}

/** What no option says alone. */
export function checkItemOptions<I, O>(where: string, { limiter, limiterKey, cost }: ItemOptions<I, O>): void {
  if (cost && !limiter) throw invalidOption(where, "limiter", "given when cost is: nothing else charges it", limiter)
  if (limiter?.isKeyed && !limiterKey) {
    const wanted = "given with a keyed limiter: (item) => key, or take limiter.of(key)"
    throw invalidOption(where, "limiterKey", wanted, limiterKey)
  }
  if (limiterKey && !limiter?.isKeyed)
    throw invalidOption(where, "limiter", "keyed(...) when limiterKey is given", limiter)
}
