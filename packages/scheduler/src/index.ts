export { adaptive, type Adaptive, type AdaptiveOptions } from "./limits/adaptive-concurrency.ts"
export { attemptLoop, type AttemptLoopOptions } from "./item/attempt-loop.ts"
export { bottleneckLimiter, type BottleneckLike, type BottleneckLimiterOptions } from "./limiters/bottleneck.ts"
export { parallelExecutor, systemRuntime } from "./runtime/executor.ts"
export { onAbort } from "./queue/on-abort.ts"
export { IndexedHeap } from "./queue/indexed-heap.ts"
export { keyed, type Keyed, type KeyedOptions } from "./limiters/keyed.ts"
export type { ItemFunction, ParallelMap, ParallelMapOptions } from "./map/options.ts"
export { mapAll, type MapAllOptions, parallelMap } from "./map/parallel-map.ts"
export { assertNoReentry } from "./queue/reentry.ts"
export { retryBudget, type RetryBudget } from "./item/retry-budget.ts"
export {
  backoffDelayMs,
  classifyError,
  retryDecision,
  retryDefaults,
  type Failure,
  type RetryDecision,
} from "./item/retry-policy.ts"
export { semaphore, type Semaphore, type SemaphoreOptions } from "./limiters/semaphore.ts"
export { throttle, type ThrottleOptions } from "./limiters/throttle.ts"
export { captureContext, type InContext } from "./runtime/async-context.ts"
export { sleep } from "./runtime/sleep.ts"
export { systemClock, systemRandom } from "./runtime/system-clock.ts"
export { createQuota, quotaOn } from "./quota/create-quota.ts"
export type { Quota } from "./quota/quota.ts"
export {
  quotaDefaults,
  rateNames,
  type QuotaLimits,
  type QuotaOptions,
  type RateName,
  type RateOptions,
} from "./quota/options.ts"
export type { LedgerSnapshot, LimitSnapshot, QuotaSnapshot, WaitExplanation } from "./quota/snapshot.ts"
export type { Ask, Block, Change, Ledger, Oversize, SentCall, Taken, Consequence } from "./quota/ledger.ts"
export { LocalLedger } from "./ledger/local-ledger.ts"
