export { attemptLoop, type AttemptLoopOptions } from "./attempt-loop.ts"
export { retryBudget, type RetryBudget } from "./retry-budget.ts"
export {
  backoffDelayMs,
  classifyError,
  retryDecision,
  retryDefaults,
  type Failure,
  type RetryDecision,
} from "./retry-policy.ts"
export { systemClock, systemRandom } from "./system-clock.ts"
