export { adaptive, type Adaptive, type AdaptiveOptions } from "./adaptive-concurrency.ts"
export { attemptLoop, type AttemptLoopOptions } from "./attempt-loop.ts"
export { bottleneckLimiter, type BottleneckLike, type BottleneckLimiterOptions } from "./bottleneck-limiter.ts"
export { parallelExecutor, systemRuntime } from "./executor.ts"
export { IndexedHeap } from "./indexed-heap.ts"
export { keyed, type Keyed, type KeyedOptions } from "./keyed.ts"
export type { ParallelMap, ParallelMapOptions } from "./map-options.ts"
export { parallelMap } from "./parallel-map.ts"
export { assertNoReentry } from "./reentry.ts"
export { retryBudget, type RetryBudget } from "./retry-budget.ts"
export {
  backoffDelayMs,
  classifyError,
  retryDecision,
  retryDefaults,
  type Failure,
  type RetryDecision,
} from "./retry-policy.ts"
export { semaphore, type Semaphore, type SemaphoreOptions } from "./semaphore.ts"
export { sleep } from "./sleep.ts"
export { systemClock, systemRandom } from "./system-clock.ts"
export { createQuota, type Quota } from "./quota.ts"
export { quotaDefaults, type QuotaLimits, type QuotaOptions, type RateName, type RateOptions } from "./quota-options.ts"
export type { LimitSnapshot, QuotaSnapshot, WaitExplanation } from "./quota-snapshot.ts"
