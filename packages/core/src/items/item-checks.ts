import type { ItemPolicy } from "./item-policy.ts"
import { OneItem } from "./run-one.ts"
import {
  abortSignal,
  anything,
  backoff,
  anyText,
  be,
  between,
  callable,
  type Check,
  checkOptions,
  count,
  fields,
  invalidOption,
  limiter,
  milliseconds,
  needed,
  number,
  objectOr,
  oneOf,
  positive,
  recordOf,
  type Shape,
  text,
} from "../options.ts"
import type { ItemOptions, ItemPlace, ItemWork, MapOptions, OnError } from "../ports/executor.ts"
import type { RetryOptions } from "../ports/ports.ts"

/** What a node is called in errors about its options. */
export function checkNode<T extends { readonly name: string }>(kind: string, options: T, shape: Shape<T>): void {
  const name: unknown = (options as Partial<T> | undefined)?.name
  checkOptions(typeof name === "string" && nodeName(name) === undefined ? `${kind} "${name}"` : kind, options, shape)
}

/** Names are joined by `/` into paths, so they cannot contain it. */
export const nodeName: Check = be('a non-empty string without "/"', (name) => {
  return typeof name === "string" && name !== "" && !name.includes("/")
})

export const retry: Check = fields<RetryOptions>({
  maxAttempts: needed(count()),
  backoff,
  retryIf: callable,
})

/** What steps and batches take about each attempt. */
export const policyChecks: Shape<ItemPolicy<never>> = {
  retry,
  timeoutMs: positive,
  limiter,
  limiterKey: callable,
  cost: callable,
  version: anyText,
}

/** What executors take about each item. */
export const itemChecks: Shape<ItemOptions<never, never>> = {
  retry,
  timeoutMs: milliseconds,
  fallback: callable,
  limiter,
  limiterKey: callable,
  cost: callable,
}

/**
 * Checks options against each other: a `keyed` limiter needs a key, or it would be one limiter for all; a cost or a key without a
 * limiter would do nothing.
 */
export function checkLimiter(
  where: string,
  { limiter: given, limiterKey, cost }: Pick<ItemPolicy<never>, "limiter" | "cost"> & { readonly limiterKey?: unknown },
): void {
  if (cost && !given) throw invalidOption(where, "limiter", "given when cost is: nothing else charges it", given)
  if (given?.isKeyed && !limiterKey) {
    const wanted = "given with a keyed limiter: (item) => key, or take limiter.of(key)"
    throw invalidOption(where, "limiterKey", wanted, limiterKey)
  }
  if (limiterKey && !given?.isKeyed) throw invalidOption(where, "limiter", "keyed(...) when limiterKey is given", given)
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

/** What a map takes about all its items. */
export const mapChecks: Shape<MapOptions> = {
  concurrency,
  order,
  onError,
  reorderWindow: count(),
  priority: number,
  signal: abortSignal,
}

export const placeChecks: Shape<ItemPlace> = {
  path: needed(text),
  visit: needed(count(0)),
  runId: needed(text),
  params: needed(recordOf(anything)),
}

const workChecks: Shape<ItemWork<never, never>> = {
  attempt: needed(callable),
  policy: fields(itemChecks),
  open: callable,
  known: callable,
  attempted: callable,
  settled: callable,
  dropped: callable,
  place: fields(placeChecks),
}

/** What an executor is asked by hand or for a batch. One item comes from core itself, and for each of many. */
export function checkMap<I, O>(source: object, work: ItemWork<I, O>, options: MapOptions): void {
  if (source instanceof OneItem) return
  checkOptions("executor.map", work, workChecks)
  checkOptions("executor.map", options, mapChecks)
}
