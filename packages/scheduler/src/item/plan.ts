import { type Clock, type ItemOptions, type Random } from "@sluice/core"
import { checkCount, checkMs, invalidOption } from "../invalid-option.ts"
import { checkBackoff } from "./retry-policy.ts"

/** The options of an item, checked, with the ports that carry them out. */
export interface ItemPlan<I, O> extends ItemOptions<I, O> {
  readonly clock: Clock
  readonly random: Random
  readonly maxAttempts: number
  /** The item is one attempt: none follows it, and nothing stands in for it. */
  readonly isSingle: boolean
}

/** @throws SluiceError `invalid-option` naming the path. */
export function itemPlan<I, O>(options: ItemOptions<I, O>, clock: Clock, random: Random): ItemPlan<I, O> {
  const { retry, timeoutMs, fallback, limiter, cost, priority } = options
  const maxAttempts = retry?.maxAttempts ?? 1
  if (retry) {
    checkCount("retry.maxAttempts", maxAttempts)
    checkBackoff("retry.backoff", retry.backoff)
  }
  if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs)
  if (cost && !limiter) throw invalidOption("limiter", "given when cost is: nothing else charges it", limiter)
  if (priority !== undefined && Number.isNaN(priority)) throw invalidOption("priority", "a number", priority)
  return { ...options, clock, random, maxAttempts, isSingle: maxAttempts === 1 && !fallback }
}
