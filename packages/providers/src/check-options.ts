import { SluiceError } from "@sluice/core"
import {
  amount,
  anything,
  backoff,
  be,
  between,
  callable,
  type Check,
  checkOptions,
  clock,
  count,
  fields,
  flag,
  limiter,
  listOf,
  milliseconds,
  needed,
  objectOr,
  random,
  recordOf,
  type Shape,
  text,
} from "@sluice/core/internal"
import { type QuotaOptions, rateNames, type RateName } from "@sluice/scheduler"
import type { Price } from "./accounts/prices.ts"
import type { Fallback } from "./call/elsewhere/fallback-option.ts"
import type { LimitedFetchOptions } from "./options.ts"
import type { LaneOptions } from "./vendor-batch/engine/lane-options.ts"

/** A limiter, or what makes the quota of each account and model. */
const limiterOrFactory: Check = (value) => (typeof value === "function" ? undefined : limiter(value))
const above0 = be("a number above 0", (value) => typeof value === "number" && value > 0)

/** Checked by the quotas that get them. */
const quotaChecks: Shape<Omit<QuotaOptions, "name" | "clock" | "random" | "onEvent">> = {
  ...(Object.fromEntries(rateNames.map((name) => [name, anything])) as Record<RateName, Check>),
  concurrency: anything,
  budgetUsd: anything,
  maxQueue: anything,
  onExhausted: anything,
  chargeRefused: anything,
  jitterMs: anything,
  weights: anything,
}

export const priceChecks: Shape<Price> = {
  input: needed(amount),
  output: needed(amount),
  cachedInput: amount,
  cacheWrite: amount,
  maxOutputTokens: count(),
}

const fallbackChecks: Shape<Fallback> = {
  model: text,
  key: anything,
  send: callable,
  when: fields<NonNullable<Fallback["when"]>>({ waitMs: milliseconds, fatal: flag, overloaded: flag }),
}

const laneChecks: Shape<LaneOptions> = {
  gatherMs: milliseconds,
  maxRequests: count(),
  maxOpen: count(),
  maxEnqueuedTokens: count(),
  maxRounds: count(),
  pollMs: milliseconds,
  maxPollMs: milliseconds,
  leastBatchMs: milliseconds,
}

const share = be("a number between 0 and 1", (value) => typeof value === "number" && value > 0 && value < 1)

const checks: Shape<LimitedFetchOptions> = {
  ...quotaChecks,
  limits: recordOf(anything),
  quota: limiterOrFactory,
  vendor: objectOr(anything, text),
  everything: flag,
  keyBy: callable,
  priority: be("a number or a function", (value) => typeof value === "function" || Number.isFinite(value)),
  retry: fields<NonNullable<LimitedFetchOptions["retry"]>>({
    maxAttempts: count(),
    maxRefusals: count(0),
    backoff,
    budget: anything,
  }),
  timeoutMs: above0,
  idleTimeoutMs: above0,
  hedge: fields<NonNullable<LimitedFetchOptions["hedge"]>>({ quantile: share, maxShare: share }),
  adaptiveTimeout: fields<NonNullable<LimitedFetchOptions["adaptiveTimeout"]>>({
    times: needed(between(2, Infinity)),
  }),
  maxWaitMs: above0,
  maxAnswerBytes: above0,
  keys: listOf(anything),
  fallback: listOf(fields(fallbackChecks)),
  vendorBatches: fields(laneChecks),
  prices: recordOf(fields(priceChecks)),
  fetch: callable,
  clock,
  random,
  onEvent: callable,
}

/** @throws SluiceError `invalid-option`: path, wanted, got; never a key. */
export function checkLimitedFetchOptions(options: LimitedFetchOptions): void {
  checkOptions("limitedFetch", options, checks)
  for (const [index, key] of (options.keys ?? []).entries()) checkSecret(`keys[${index}]`, key)
  for (const [index, { key }] of (options.fallback ?? []).entries()) {
    if (key !== undefined) checkSecret(`fallback[${index}].key`, key)
  }
}

/** What `fetch` takes as the value of a header, once it has cut blanks and line ends from both sides. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]+$/

function checkSecret(path: string, value: unknown): void {
  const isText = typeof value === "string"
  if (isText && headerValue.test(value.trim())) return
  const wanted = !isText
    ? `a string, got ${typeof value}`
    : value.trim() === ""
      ? "a key, and is empty"
      : `text that a header can carry, and has ${/[\r\n]/.test(value.trim()) ? "a line end" : "a character"} inside that none can. Look at how it was pasted`
  throw new SluiceError("invalid-option", `limitedFetch: ${path} must be ${wanted}.`, { details: { path } })
}
