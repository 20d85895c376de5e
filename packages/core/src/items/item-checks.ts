import type { ItemPolicy } from "./item-policy.ts"
import {
  be,
  between,
  callable,
  type Check,
  checkOptions,
  count,
  fields,
  limiter,
  milliseconds,
  needed,
  objectOr,
  oneOf,
  positive,
  type Shape,
} from "../options.ts"
import type { OnError } from "../ports/executor.ts"
import type { Backoff, RetryOptions } from "../ports/ports.ts"

/** What a node is called in errors about its options. */
export function checkNode<T extends { readonly name: string }>(kind: string, options: T, shape: Shape<T>): void {
  const name: unknown = (options as Partial<T> | undefined)?.name
  checkOptions(typeof name === "string" && nodeName(name) === undefined ? `${kind} "${name}"` : kind, options, shape)
}

/** Names are joined by `/` into paths, so they cannot contain it. */
export const nodeName: Check = be('a non-empty string without "/"', (name) => {
  return typeof name === "string" && name !== "" && !name.includes("/")
})

const backoff: Shape<Partial<Backoff>> = {
  initialMs: milliseconds,
  factor: between(1, Infinity),
  maxMs: milliseconds,
  jitter: oneOf("full", "none"),
}
export const retry: Check = fields<RetryOptions>({
  maxAttempts: needed(count()),
  backoff: fields(backoff),
  retryIf: callable,
})

/** What steps and batches take about each attempt. */
export const policyChecks: Shape<ItemPolicy<never>> = {
  retry,
  timeoutMs: positive,
  limiter,
  limiterKey: callable,
  cost: callable,
  version: be("a string", (value) => typeof value === "string"),
}

const whole = count()
export const concurrency: Check = (value) => (value === "auto" ? undefined : whole(value))

export const order: Check = oneOf("input", "completion")

export const onError: Check = objectOr(
  fields<Extract<OnError, object>>({ maxFailures: count(0), maxFailureRatio: between(0, 1), after: count() }),
  be(
    '"stop", "collect" or { maxFailures, maxFailureRatio, after }',
    (value) => value === "stop" || value === "collect",
  ),
)
