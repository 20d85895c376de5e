import type { Feedback, LimitReading } from "@sluice/core"
import { refusesAccount } from "../call/failure/verdict.ts"
import { gemini } from "./gemini.ts"
import { errorOf, errorText, isGoogleError } from "./reading/error-text.ts"
import { goDuration } from "./reading/go-duration.ts"
import { countIn, countInHeader, textAt } from "./reading/json-path.ts"
import { toldDelay } from "./reading/retry-delay.ts"
import { wantsPlaces } from "./reading/refusal-words.ts"
import type { VendorAnswer, Verdict } from "./vendor.ts"

/** What a vendor's limits count, where that is not told. */
export interface OpenAILimits {
  /** The window that `x-ratelimit-*-requests` counts; Groq's is a day. Default a minute. */
  readonly requestsWindowMs?: number
  /** The minute's requests are checked over slices of this length or more, so they must be spread as evenly. */
  readonly requestsSliceMs?: number
}

const day = 86_400_000
// Waits as long as these are no rarity under limits per minute.
const longestRollingMs = 300_000

/** What an answer says of the limits, in the headers and words of OpenAI and of those who copy it. */
export function openaiFeedback(
  shape: OpenAILimits,
  answer: VendorAnswer,
  verdict: Verdict,
  nowWallMs: number,
): Feedback {
  const { headers, status, body } = answer
  if (status >= 300 && isGoogleError(body)) return gemini.feedback(answer, verdict, nowWallMs)
  const limits: LimitReading[] = []
  const requests = reading(headers, "requests", "requests", shape.requestsWindowMs)
  if (requests) limits.push(inSlices(shape, requests))
  const tokens = reading(headers, "tokens", "tokens")
  const project = reading(headers, "project-tokens", "tokens")
  const tightest =
    project && (!tokens || (project.remaining ?? Infinity) < (tokens.remaining ?? Infinity)) ? project : tokens
  if (tightest) limits.push(tightest)
  if (status < 300) return limits.length > 0 ? { limits } : {}

  const words = errorText(body)
  const retryAfterMs = toldDelay(headers, body, nowWallMs)
  const refusal = refusalOf(status, verdict, words, textAt(errorOf(body), "type"), retryAfterMs)
  // "Never": this model is not for this account.
  if (verdict.kind === "wait" && /\blimit:? 0\b/i.test(words))
    return { limits: [{ dimension: refusal?.dimension ?? "requests", limit: 0 }], ...(refusal ? { refusal } : {}) }
  return {
    ...(limits.length > 0 ? { limits } : {}),
    ...(retryAfterMs !== undefined && (verdict.kind === "wait" || verdict.kind === "reduce" || verdict.kind === "retry")
      ? { retryAfterMs }
      : {}),
    ...(refusal ? { refusal } : {}),
  }
}

function refusalOf(
  status: number,
  verdict: Verdict,
  words: string,
  type: string | undefined,
  retryAfterMs: number | undefined,
): Feedback["refusal"] | undefined {
  const message = verdict.message === "" ? {} : { message: verdict.message }
  if (refusesAccount(verdict)) return { reason: "billing", ...message }
  if (verdict.kind === "reduce") return { reason: "ramp", ...message }
  if (verdict.kind === "retry" && (status === 503 || status === 529)) return { reason: "overloaded", ...message }
  if (verdict.kind !== "wait") return undefined
  if (wantsPlaces(words)) return { reason: "places", ...message }
  const dimension =
    type === "requests" || /\bRP[MD]\b|requests per|call rate limit/i.test(words)
      ? "requests"
      : type === "tokens" || /\bTP[MD]\b|tokens per|token rate limit/i.test(words)
        ? "tokens"
        : undefined
  const isOfDay = /per[ -]day|\b[RT]PD\b/i.test(words)
  // A rolling day gives back bit by bit: a short wait is no end.
  const isSpent = isOfDay && (retryAfterMs === undefined || retryAfterMs > longestRollingMs)
  return {
    reason: isSpent ? "daily" : "rate",
    ...(dimension ? { dimension } : {}),
    ...message,
  }
}

function reading(
  headers: Headers,
  name: string,
  dimension: LimitReading["dimension"],
  windowMs?: number,
): LimitReading | undefined {
  const told = headers.get(`x-ratelimit-limit-${name}`)
  const limit = told === null ? undefined : countIn(told)
  // Azure and some gateways send limit 0 or -1 for "unknown": then remaining says nothing either.
  if (told !== null && !limit) return undefined
  const remaining = countInHeader(headers, `x-ratelimit-remaining-${name}`)
  if (limit === undefined && remaining === undefined) return undefined
  const resetMs = goDuration(headers.get(`x-ratelimit-reset-${name}`) ?? "")
  const found: { -readonly [K in keyof LimitReading]: LimitReading[K] } = { dimension }
  if (limit !== undefined) found.limit = limit
  if (remaining !== undefined) found.remaining = remaining
  if (resetMs !== undefined && resetMs <= day) found.resetMs = resetMs
  if (windowMs !== undefined) found.windowMs = windowMs
  return found
}

/** What remains of the minute says nothing about the slice. */
function inSlices({ requestsSliceMs }: OpenAILimits, requests: LimitReading): LimitReading {
  const { dimension, limit } = requests
  if (requestsSliceMs === undefined || limit === undefined) return requests
  const windowMs = Math.max(requestsSliceMs, 60_000 / limit)
  return { dimension, limit: (limit * windowMs) / 60_000, windowMs }
}
