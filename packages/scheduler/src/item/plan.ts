import type { Clock, ItemOptions, ItemWork, Random } from "@sluice/core"
import { checkCount, checkMs, invalidOption } from "../invalid-option.ts"
import { checkBackoff } from "./retry-policy.ts"

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

/** @throws SluiceError `invalid-option` naming the path. */
export function checkItemOptions<I, O>(options: ItemOptions<I, O>): void {
  const { retry, timeoutMs, limiter, limiterKey, cost } = options
  if (retry) {
    checkCount("retry.maxAttempts", retry.maxAttempts ?? 1)
    checkBackoff("retry.backoff", retry.backoff)
  }
  if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs)
  if (cost && !limiter) throw invalidOption("limiter", "given when cost is: nothing else charges it", limiter)
  if (limiter?.isKeyed && !limiterKey) {
    throw invalidOption("limiterKey", "given with a keyed limiter: (item) => key, or take limiter.of(key)", limiterKey)
  }
  if (limiterKey && !limiter?.isKeyed) throw invalidOption("limiter", "keyed(...) when limiterKey is given", limiter)
}
