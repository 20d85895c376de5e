// What the other packages of Sluice share with core, and nobody else should build on.
export { boundedText } from "./ports/bounded-text.ts"
export { failurePolicy, type FailurePolicy } from "./items/failure-policy.ts"
export { addCosts, costCheck, isCost, wrongCost } from "./cost.ts"
export { isPromiseLike } from "./maybe-promise.ts"
export {
  abortSignal,
  amount,
  anything,
  anyText,
  backoff,
  be,
  between,
  callable,
  type Check,
  checkArgument,
  checkOptions,
  clock,
  count,
  fields,
  flag,
  hasAmounts,
  having,
  invalidOption,
  iterable,
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
  wrongArgument,
  wrongValue,
} from "./options.ts"
export {
  checkLimiter,
  checkMap,
  concurrency,
  itemChecks,
  mapChecks,
  onError,
  order,
  placeChecks,
  policyChecks,
  retry,
} from "./items/item-checks.ts"
export { OneItem } from "./items/run-one.ts"
export { hashText } from "./hash-text.ts"
export { InnerScope } from "./scope/inner-scope.ts"
export { hideKeyShapes } from "./key-shapes.ts"
export { isLoopback, isSameOrigin } from "./same-machine.ts"
export { nearest, nearestName } from "./nearest.ts"
export { PaceClock } from "./run/pace-clock.ts"
export { runWithin } from "./ports/event-sink.ts"
export { tellWarning } from "./ports/tell-warning.ts"
export { unlessLate } from "./unless-late.ts"
