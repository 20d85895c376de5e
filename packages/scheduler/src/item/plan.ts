import type { Clock, ItemOptions, ItemWork, Random } from "@sluice/core"

/** What is done with each item of a map, with the ports that it needs. */
export interface ItemPlan<I, O> {
  readonly work: ItemWork<I, O>
  readonly policy: ItemOptions<I, O>
  readonly clock: Clock
  readonly random: Random
  readonly maxAttempts: number
  /** An item that is not known already is exactly one attempt: no retry, no fallback. */
  readonly isSingle: boolean
}

export function itemPlan<I, O>(work: ItemWork<I, O>, clock: Clock, random: Random): ItemPlan<I, O> {
  const { policy = {} } = work
  const maxAttempts = policy.retry?.maxAttempts ?? 1
  return { work, policy, clock, random, maxAttempts, isSingle: maxAttempts === 1 && !policy.fallback }
}
