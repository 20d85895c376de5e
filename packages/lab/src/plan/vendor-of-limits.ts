import type { QuotaLimits, RateName, RateOptions } from "@sluice/scheduler"
import type { LimitOptions } from "../limits/limit-model.ts"
import type { VendorLimits } from "../vendor/options.ts"

// Where a dimension is limited over two windows the vendor shows the first; the quota minds both.
const sources: readonly (readonly ["requests" | "tokens" | "inputTokens" | "outputTokens", RateName, number])[] = [
  ["requests", "requestsPerMinute", 60_000],
  ["requests", "requestsPerSecond", 1_000],
  ["tokens", "tokensPerMinute", 60_000],
  ["tokens", "tokensPerSecond", 1_000],
  ["inputTokens", "inputTokensPerMinute", 60_000],
  ["inputTokens", "inputTokensPerSecond", 1_000],
  ["outputTokens", "outputTokensPerMinute", 60_000],
  ["outputTokens", "outputTokensPerSecond", 1_000],
]

/** The vendor that a quota with these options would be right about. */
export function vendorOfLimits(limits: QuotaLimits, startedAt: number): VendorLimits {
  const vendor: Partial<Record<"requests" | "tokens" | "inputTokens" | "outputTokens", LimitOptions>> = {}
  for (const [dimension, name, windowMs] of sources) {
    const rate = limits[name]
    if (rate !== undefined) vendor[dimension] ??= modelOf(rate, windowMs, startedAt)
  }
  const perDay = (rate: number | RateOptions | undefined): number | undefined =>
    typeof rate === "object" ? rate.limit : rate
  const requestsPerDay = perDay(limits.requestsPerDay)
  const tokensPerDay = perDay(limits.tokensPerDay)
  return {
    ...vendor,
    ...(requestsPerDay === undefined ? {} : { requestsPerDay }),
    ...(tokensPerDay === undefined ? {} : { tokensPerDay }),
  }
}

function modelOf(rate: number | RateOptions, windowMs: number, startedAt: number): LimitOptions {
  if (typeof rate === "number") return { limit: rate, windowMs }
  const { limit, kind = "bucket", burst, resetAt } = rate
  return {
    limit,
    windowMs: rate.windowMs ?? windowMs,
    model: kind,
    ...(burst === undefined ? {} : { burst }),
    ...(resetAt === undefined ? {} : { anchorMs: resetAt - startedAt }),
  }
}
