import {
  amount,
  anyText,
  between,
  type Check,
  count,
  fields,
  flag,
  listOf,
  milliseconds,
  needed,
  number,
  objectOr,
  oneOf,
  positive,
  type Shape,
} from "@sluice/core/internal"
import type { LimitOptions } from "../limits/limit-model.ts"
import type { RampOptions } from "../limits/ramp-limit.ts"
import type { FaultKind, FaultOptions, FaultWindow } from "./faults.ts"
import type { LatencyOptions } from "./latency.ts"
import type { CoTenantOptions, LimitChange, VendorLimits, VendorOptions } from "./options.ts"

const share = between(0, 1)

const rateShares: Shape<NonNullable<FaultOptions["rates"]>> = {
  error503: share,
  error529: share,
  outage: share,
  billing: share,
  keyRefused: share,
  error500: share,
  reset: share,
  hang: share,
  truncate: share,
  malformed: share,
  streamError: share,
  offSchema: share,
}

export const faultKinds: readonly FaultKind[] = Object.keys(rateShares) as FaultKind[]

export const limitChecks: Shape<LimitOptions> = {
  limit: needed(positive),
  windowMs: positive,
  model: oneOf("bucket", "slices", "sliding", "fixed"),
  burst: positive,
  sliceMs: positive,
  anchorMs: number,
}
const rate = objectOr(fields(limitChecks), positive)

const changes: Shape<LimitChange["limits"]> = {
  requests: positive,
  tokens: positive,
  inputTokens: positive,
  outputTokens: positive,
  requestsPerDay: positive,
  tokensPerDay: positive,
  concurrency: positive,
}

const coTenants: Shape<CoTenantOptions> = {
  requestsPerMinute: needed(positive),
  tokensPerCall: amount,
  outputTokensPerCall: amount,
  burst: count(),
  fromMs: amount,
  toMs: milliseconds,
}

const faultWindow: Shape<FaultWindow> = {
  kind: needed(oneOf(...faultKinds)),
  fromMs: needed(amount),
  toMs: milliseconds,
  rate: share,
  key: anyText,
}

export const latencyChecks: Shape<LatencyOptions> = {
  baseMs: amount,
  perOutputTokenMs: amount,
  heavyTail: amount,
  knee: fields<NonNullable<LatencyOptions["knee"]>>({ at: needed(positive), exponent: amount }),
}

export const chargeMaxTokens: Check = oneOf(true, false, "larger")

export const vendorChecks: Shape<VendorOptions> = {
  limits: fields<VendorLimits>({
    requests: rate,
    tokens: rate,
    inputTokens: rate,
    outputTokens: rate,
    requestsPerDay: positive,
    tokensPerDay: positive,
    concurrency: objectOr(
      fields<Extract<VendorLimits["concurrency"], object>>({ limit: needed(positive), status: oneOf(429, 503, 529) }),
      positive,
    ),
  }),
  chargeRefused: flag,
  chargeMaxTokens,
  ramp: fields<RampOptions>({ growthPerMinute: needed(positive), freePerMinute: needed(amount) }),
  schedule: listOf(fields<LimitChange>({ atMs: needed(amount), limits: needed(fields(changes)) })),
  coTenants: listOf(fields(coTenants)),
  faults: fields<FaultOptions>({ rates: fields(rateShares), schedule: listOf(fields(faultWindow)) }),
  latency: fields(latencyChecks),
  headers: oneOf("openai", "anthropic", "rounded", "wrong", "none"),
  retryAfter: oneOf("exact", "seconds", "none"),
  seed: number,
}
