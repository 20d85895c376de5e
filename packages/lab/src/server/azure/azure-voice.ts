import { openaiVoice } from "../openai/openai-voice.ts"
import type { VendorRefusal } from "../../vendor/refusal.ts"
import { dimensionOf, type HttpReply, type VendorVoice } from "../wire/vendor-voice.ts"

/**
 * Azure OpenAI's headers and errors, where they differ from OpenAI's: what remains but no resets, and refusals that say
 * which rate was exceeded but not by how much. "Quotas and limits" and "Manage quota" of its documentation, read 2026-11.
 */
export const azureVoice: VendorVoice = {
  limitHeaders: (limits, wallNowMs) =>
    Object.fromEntries(
      Object.entries(openaiVoice.limitHeaders(limits, wallNowMs)).filter(([name]) => !name.includes("-reset-")),
    ),

  requestHeaders: (requestId) => ({
    "x-request-id": requestId,
    "apim-request-id": requestId,
    "x-ms-region": "Lab",
  }),

  refuse(refusal, context) {
    switch (refusal.reason) {
      case "rate":
      case "daily":
      case "ramp":
      case "tooLarge":
        return tooMany(refusal)
      case "key":
        return error(
          401,
          "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.",
        )
      default:
        return refusal.status === 429 ? tooMany(refusal) : openaiVoice.refuse(refusal, context)
    }
  },

  error: (...said) => openaiVoice.error(...said),
}

function tooMany(refusal: VendorRefusal): HttpReply {
  const { retryAfterMs } = refusal
  const rate = dimensionOf(refusal) === "requests" ? "call" : "token"
  const seconds = Math.ceil((retryAfterMs ?? 0) / 1000)
  const again = retryAfterMs === undefined ? "" : ` Please retry after ${seconds} second${seconds === 1 ? "" : "s"}.`
  const message = `Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded ${rate} rate limit of your current OpenAI S0 pricing tier.${again} Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.`
  const wait: Record<string, string> =
    retryAfterMs === undefined
      ? {}
      : { "retry-after": String(seconds), "retry-after-ms": String(Math.ceil(retryAfterMs)) }
  return error(429, message, wait)
}

function error(status: number, message: string, headers: Record<string, string> = {}): HttpReply {
  return { status, headers, body: { error: { code: String(status), message } } }
}
