// What the other packages of Sluice share with core, and nobody else should build on.
export { failurePolicy, type FailurePolicy } from "./items/failure-policy.ts"
export { isPromiseLike } from "./maybe-promise.ts"
export {
  abortSignal,
  anything,
  be,
  between,
  callable,
  type Check,
  checkOptions,
  clock,
  count,
  fields,
  flag,
  having,
  invalidOption,
  limiter,
  listOf,
  milliseconds,
  needed,
  number,
  objectOr,
  oneOf,
  positive,
  random,
  recordOf,
  type Shape,
  show,
  text,
} from "./options.ts"
export { checkLimiter, concurrency, itemChecks, onError, order, policyChecks, retry } from "./items/item-checks.ts"
export { nearest } from "./nearest.ts"
