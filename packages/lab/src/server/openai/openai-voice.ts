import { goDuration } from "../wire/go-duration.ts"
import { SERVER_ERROR } from "./chat-completions.ts"
import type { VendorRefusal } from "../../vendor/refusal.ts"
import { dimensionOf, isDaily, type HttpReply, type VendorVoice } from "../wire/vendor-voice.ts"

const NO_MONEY =
  "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
const LIMITS_PAGE = "Visit https://platform.openai.com/account/rate-limits to learn more."

/** OpenAI's headers and errors: its guides "Rate limits" and "Error codes", read 2026-11. */
export const openaiVoice: VendorVoice = {
  limitHeaders(limits) {
    const headers: Record<string, string> = {}
    for (const [name, dimensions] of [
      ["requests", ["requests"]],
      ["tokens", ["tokens", "inputTokens"]],
    ] as const) {
      const matching = limits.filter((limit) => dimensions.some((dimension) => dimension === limit.dimension))
      const shown = matching.find((limit) => !isDaily(limit)) ?? matching[0]
      if (shown === undefined) continue
      headers[`x-ratelimit-limit-${name}`] = String(shown.limit)
      headers[`x-ratelimit-remaining-${name}`] = String(shown.remaining)
      headers[`x-ratelimit-reset-${name}`] = goDuration(shown.resetMs ?? 0)
    }
    return headers
  },

  requestHeaders: (requestId) => ({
    "x-request-id": requestId,
    "openai-organization": "org-lab",
    "openai-version": "2020-10-01",
    "openai-processing-ms": "1",
  }),

  refuse(refusal, { model, billingCode }) {
    const wait = waitHeaders(refusal.retryAfterMs)
    switch (refusal.reason) {
      case "rate":
      case "daily":
      case "tooLarge":
        return error(
          429,
          rateMessage(refusal, model),
          dimensionOf(refusal) === "requests" ? "requests" : "tokens",
          "rate_limit_exceeded",
          wait,
        )
      case "ramp":
        return error(
          429,
          "Slow down: your request rate grew too fast. Reduce it, then raise it gradually.",
          "rate_limit_error",
          "slow_down",
          wait,
        )
      case "billing":
        return error(429, NO_MONEY, "insufficient_quota", billingCode ?? "insufficient_quota")
      case "key":
        return error(
          401,
          "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
          "invalid_request_error",
          "invalid_api_key",
        )
      default:
        return refusal.status === 429
          ? error(429, "Too many concurrent requests.", "requests", "rate_limit_exceeded", wait)
          : error(
              503,
              "The engine is currently overloaded, please try again later.",
              "service_unavailable_error",
              "server_is_overloaded",
              wait,
            )
    }
  },

  error: (status, message, param) =>
    status >= 500
      ? error(status, SERVER_ERROR, "server_error", null)
      : error(status, message, "invalid_request_error", null, {}, param),
}

function rateMessage(refusal: VendorRefusal, model: string): string {
  const { limit = 0, used = 0, requested = 0, retryAfterMs } = refusal
  const noun = dimensionOf(refusal) === "requests" ? "requests" : "tokens"
  const per = refusal.reason === "daily" ? "day" : "min"
  const where = `for ${model} in organization org-lab on ${noun} per ${per} (${noun === "requests" ? "R" : "T"}P${per === "day" ? "D" : "M"})`
  if (refusal.reason === "tooLarge") {
    return `Request too large ${where}: Limit ${limit}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${LIMITS_PAGE}`
  }
  const again = retryAfterMs === undefined ? "" : ` Please try again in ${goDuration(retryAfterMs)}.`
  return `Rate limit reached ${where}: Limit ${limit}, Used ${Math.max(0, Math.ceil(used))}, Requested ${requested}.${again} ${LIMITS_PAGE}`
}

function waitHeaders(retryAfterMs: number | undefined): Record<string, string> {
  if (retryAfterMs === undefined) return {}
  return { "retry-after-ms": String(Math.ceil(retryAfterMs)), "retry-after": String(Math.ceil(retryAfterMs / 1000)) }
}

function error(
  status: number,
  message: string,
  type: string,
  code: string | null,
  headers: Record<string, string> = {},
  param: string | null = null,
): HttpReply {
  return { status, headers, body: { error: { message, type, param, code } } }
}
