import type { Settlement } from "@sluice/core"

/** What the words of a refusal say when too many calls run at once, and not when they come too fast. */
const wordsOfPlaces = /\bconcurren(?:t|cy)|\bsimultaneous|\bin parallel\b|\bparallel (?:calls|requests)\b/i

/** What a failed attempt says about its limiter: SDKs' errors carry the status of a refusal, the vendor's words, and perhaps its delay. */
export function settlementOf(error: unknown): Settlement {
  const { status, statusCode, retryAfterMs, message } = (error ?? {}) as Record<string, unknown>
  const code = status ?? statusCode
  const delay = typeof retryAfterMs === "number" && retryAfterMs >= 0 ? { retryAfterMs } : {}
  if (code === 429) {
    const isOfPlaces = typeof message === "string" && wordsOfPlaces.test(message.slice(0, 1_000))
    return { outcome: "throttled", reason: isOfPlaces ? "places" : "rate", ...delay }
  }
  if (code === 529) return { outcome: "throttled", reason: "overloaded", ...delay }
  return typeof code === "number" && code >= 500 ? { outcome: "failed", ...delay } : { outcome: "ignored" }
}
