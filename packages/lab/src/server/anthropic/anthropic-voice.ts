import type { LimitReading } from "@sluice/core"
import type { VendorRefusal } from "../../vendor/refusal.ts"
import { dimensionOf, isDaily, type HttpReply, type VendorVoice } from "../wire/vendor-voice.ts"

const ORGANIZATION = "00000000-0000-4000-8000-00000000001a"
/** Remaining tokens are shown to the nearest thousand. */
const ROUNDED_TO = 1000
const TOO_STEEP =
  "This request would exceed your organization's maximum usage increase rate. Please scale up your input tokens usage more gradually to stay within the acceleration limit."

/** Anthropic's headers and errors: "Rate limits" and "Errors" of its documentation, read 2026-11. */
export const anthropicVoice: VendorVoice = {
  limitHeaders(limits, wallNowMs) {
    const headers: Record<string, string> = {}
    const show = (name: string, ...dimensions: LimitReading["dimension"][]): void => {
      const shown = tightest(limits.filter((limit) => dimensions.includes(limit.dimension) && !isDaily(limit)))
      if (shown === undefined) return
      const { remaining = 0 } = shown
      headers[`anthropic-ratelimit-${name}-limit`] = String(shown.limit)
      headers[`anthropic-ratelimit-${name}-remaining`] = String(
        name === "requests" ? remaining : Math.round(remaining / ROUNDED_TO) * ROUNDED_TO,
      )
      headers[`anthropic-ratelimit-${name}-reset`] = rfc3339(wallNowMs + (shown.resetMs ?? 0))
    }
    show("requests", "requests")
    show("tokens", "tokens", "inputTokens", "outputTokens")
    show("input-tokens", "inputTokens")
    show("output-tokens", "outputTokens")
    return headers
  },

  requestHeaders: (requestId) => ({ "request-id": requestId, "anthropic-organization-id": ORGANIZATION }),

  refuse(refusal, { requestId, billingCode }) {
    const wait = waitHeaders(refusal.retryAfterMs)
    switch (refusal.reason) {
      case "rate":
      case "daily":
      case "tooLarge":
        return error(requestId, 429, "rate_limit_error", rateMessage(refusal), wait)
      case "ramp":
        return error(requestId, 429, "rate_limit_error", TOO_STEEP, wait, "ramp_limit_exceeded")
      case "billing":
        return billing(requestId, billingCode ?? "enforced_spend_limit_reached")
      case "key":
        return error(requestId, 401, "authentication_error", "invalid x-api-key", { "x-should-retry": "false" })
      default:
        return refusal.status === 429
          ? error(
              requestId,
              429,
              "rate_limit_error",
              "Number of concurrent connections has exceeded your rate limit. Please try again later.",
              wait,
            )
          : error(requestId, refusal.status, "overloaded_error", "Overloaded", { "x-should-retry": "true", ...wait })
    }
  },

  error: (status, message, _param, { requestId }) =>
    status >= 500
      ? error(requestId, status, "api_error", "Internal server error", { "x-should-retry": "true" })
      : error(requestId, status, BAD_REQUESTS[status] ?? "invalid_request_error", message),
}

const BAD_REQUESTS: Readonly<Record<number, string>> = {
  401: "authentication_error",
  404: "not_found_error",
  409: "conflict_error",
  413: "request_too_large",
}

function billing(requestId: string, code: string): HttpReply {
  switch (code) {
    case "billing_error":
      return error(requestId, 402, "billing_error", "There's an issue with your billing or payment information.")
    case "usage_limits":
      return error(
        requestId,
        400,
        "invalid_request_error",
        "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
      )
    default:
      return error(requestId, 429, "rate_limit_error", "Your organization has reached its spend limit.", {}, code)
  }
}

const NOUNS = {
  requests: "requests",
  tokens: "tokens",
  inputTokens: "input tokens",
  outputTokens: "output tokens",
} as const

function rateMessage(refusal: VendorRefusal): string {
  const rate = `${(refusal.limit ?? 0).toLocaleString("en-US")} ${NOUNS[dimensionOf(refusal)]} per ${refusal.reason === "daily" ? "day" : "minute"}`
  return `This request would exceed your organization's rate limit of ${rate} (org: ${ORGANIZATION}). For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage.`
}

function tightest(limits: readonly LimitReading[]): LimitReading | undefined {
  const share = ({ remaining = 0, limit = 1 }: LimitReading): number => remaining / limit
  return limits.toSorted((a, b) => share(a) - share(b))[0]
}

function waitHeaders(retryAfterMs: number | undefined): Record<string, string> {
  if (retryAfterMs === undefined) return {}
  return { "retry-after": String(Math.ceil(retryAfterMs / 1000)), "x-should-retry": "true" }
}

function error(
  requestId: string,
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
  code?: string,
): HttpReply {
  const details = code === undefined ? null : { error_code: code }
  return { status, headers, body: { type: "error", error: { type, message, details }, request_id: requestId } }
}

/** RFC 3339 to the second, never earlier than the truth. */
function rfc3339(wallMs: number): string {
  return new Date(Math.ceil(wallMs / 1000) * 1000).toISOString().replace(".000Z", "Z")
}
