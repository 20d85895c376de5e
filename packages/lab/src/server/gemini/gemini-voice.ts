import type { VendorRefusal } from "../../vendor/refusal.ts"
import { dimensionOf, type HttpReply, type VendorVoice } from "../wire/vendor-voice.ts"

const GOOGLE = "type.googleapis.com/google.rpc"
const DOCS = "https://ai.google.dev/gemini-api/docs/rate-limits"
const OVERLOADED = "The model is overloaded. Please try again later."
const INVALID_KEY = {
  "@type": `${GOOGLE}.ErrorInfo`,
  reason: "API_KEY_INVALID",
  domain: "googleapis.com",
  metadata: { service: "generativelanguage.googleapis.com" },
}

/** Gemini's errors; it has no rate-limit headers. "Rate limits" of its documentation, read 2026-11. */
export const geminiVoice: VendorVoice = {
  limitHeaders: () => ({}),
  requestHeaders: () => ({ vary: "Origin, X-Origin, Referer" }),

  refuse(refusal, { model }) {
    switch (refusal.reason) {
      case "rate":
      case "daily":
      case "tooLarge":
        return quotaExceeded(refusal, model)
      case "ramp":
        return error(
          429,
          "RESOURCE_EXHAUSTED",
          "Resource has been exhausted (e.g. check quota).",
          retryInfo(refusal.retryAfterMs),
        )
      case "billing":
        return error(
          429,
          "RESOURCE_EXHAUSTED",
          "Your project has exceeded its monthly spending cap. Please go to AI Studio at https://ai.studio/spend to manage your project spend cap.",
        )
      case "key":
        return error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [INVALID_KEY])
      default:
        return refusal.status === 429
          ? error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
          : error(503, "UNAVAILABLE", OVERLOADED, retryInfo(refusal.retryAfterMs))
    }
  },

  error(status, message) {
    if (status >= 500)
      return error(
        status,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
      )
    return error(status, status === 404 ? "NOT_FOUND" : "INVALID_ARGUMENT", message)
  },
}

function quotaExceeded(refusal: VendorRefusal, model: string): HttpReply {
  const { limit = 0, reason, retryAfterMs } = refusal
  const tokens = dimensionOf(refusal) !== "requests"
  const metric = `generativelanguage.googleapis.com/generate_content_paid_tier_${tokens ? "input_token_count" : "requests"}`
  const per = reason === "daily" ? "PerDay" : "PerMinute"
  const violation = {
    quotaMetric: metric,
    quotaId: tokens ? `GenerateContentPaidTierInputTokensPerModel${per}` : `GenerateRequests${per}PerProjectPerModel`,
    quotaDimensions: { location: "global", model },
    quotaValue: String(limit),
  }
  const again = retryAfterMs === undefined ? "" : `\nPlease retry in ${seconds(retryAfterMs)}.`
  const message = `You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: ${DOCS}. \n* Quota exceeded for metric: ${metric}, limit: ${limit}${again}`
  return error(429, "RESOURCE_EXHAUSTED", message, [
    { "@type": `${GOOGLE}.QuotaFailure`, violations: [violation] },
    { "@type": `${GOOGLE}.Help`, links: [{ description: "Learn more about Gemini API quotas", url: DOCS }] },
    ...retryInfo(retryAfterMs),
  ])
}

function retryInfo(retryAfterMs: number | undefined): object[] {
  return retryAfterMs === undefined ? [] : [{ "@type": `${GOOGLE}.RetryInfo`, retryDelay: seconds(retryAfterMs) }]
}

function seconds(ms: number): string {
  return `${Math.ceil(ms) / 1000}s`
}

function error(code: number, status: string, message: string, details: readonly object[] = []): HttpReply {
  return {
    status: code,
    headers: {},
    body: { error: { code, message, status, ...(details.length > 0 && { details }) } },
  }
}
