import type { Cost, Feedback, LimitReading } from "@sluice/core"
import { decodedSegment } from "./reading/decoded-segment.ts"
import { gemini } from "./gemini.ts"
import { errorOf, errorText, isGoogleError } from "./reading/error-text.ts"
import { isSpendCap } from "./reading/spend-cap.ts"
import { outputBeside } from "./reading/usage-total.ts"
import { errorStatus, isError } from "./reading/error-status.ts"
import { goDuration } from "./reading/go-duration.ts"
import { at, countAt, countIn, countInHeader, textAt } from "./reading/json-path.ts"
import { measurePrompt } from "../accounts/measure-prompt.ts"
import { toldDelay } from "./reading/retry-delay.ts"
import type { Answer, Learned, ModelCall, RequestFacts, StreamFact, Usage, Vendor, Verdict } from "./vendor.ts"
import { vendorMessage } from "./reading/vendor-message.ts"
import { wantsPlaces } from "./reading/wants-places.ts"
import { okVerdict, verdictOn } from "../call/failure/verdict.ts"

/** Where the vendors that speak OpenAI's protocol differ. */
export interface OpenAIShape {
  readonly name: string
  readonly hosts: (host: string) => boolean
  /**
   * What counts against the token limit.
   * `"largest"`: max(max_tokens, prompt), at arrival, never refunded · `"sum"`: prompt + max_tokens, at arrival, never
   * refunded · `"produced"`: what was really read and written, estimated at arrival and corrected.
   */
  readonly tokenCharge: "largest" | "sum" | "produced"
  /** Cached input tokens do not count against the limit. */
  readonly cachedTokensFree?: boolean
  /** The window that `x-ratelimit-*-requests` counts; Groq's is a day. Default a minute. */
  readonly requestsWindowMs?: number
  /** The minute's requests are checked over slices of this length or more, so they must be spread as evenly. */
  readonly requestsSliceMs?: number
  /** The header under which a repeated request is known again, where the vendor has one. */
  readonly idempotencyHeader?: string
  /** More headers that tell accounts apart. */
  readonly accountHeaders?: readonly string[]
}

const worded = ["chat/completions", "responses", "completions"]
const wordless = [
  "embeddings",
  "moderations",
  "images/generations",
  "images/edits",
  "images/variations",
  "audio/transcriptions",
  "audio/translations",
  "audio/speech",
]
const endpoints = [...worded, ...wordless]
const tooLargeCodes = new Set(["context_length_exceeded", "string_above_max_length", "request_too_large"])
const day = 86_400_000
// Waits as long as these are no rarity under limits per minute.
const longestRollingMs = 300_000

/**
 * A vendor that speaks OpenAI's protocol.
 *
 * Source: OpenAI's API reference, rate limits guide and error codes guide, read 2026-11.
 */
export function openAIShaped(shape: OpenAIShape): Vendor {
  return {
    name: shape.name,
    hosts: shape.hosts,
    accountHeaders: [
      "authorization",
      "api-key",
      "openai-organization",
      "openai-project",
      ...(shape.accountHeaders ?? []),
    ],
    ...(shape.idempotencyHeader === undefined ? {} : { idempotencyHeader: shape.idempotencyHeader }),
    recognise,
    read,
    estimate: (request, learned) => estimate(shape, request, learned),
    charged: (estimated, usage) => charged(shape, estimated, usage),
    classify,
    feedback: (answer, verdict, nowWallMs) => feedback(shape, answer, verdict, nowWallMs),
    usage: (body) => usageOf(at(body, "usage")),
    hiddenError,
    streamEvent,
    withModel: (url, body, model) => {
      const next = new URL(url)
      if (deployment.test(next.pathname))
        next.pathname = next.pathname.replace(deployment, `/deployments/${encodeURIComponent(model)}/`)
      return { url: next, body: "model" in body ? { ...body, model } : { ...body } }
    },
  }
}

const deployment = /\/deployments\/([^/]+)\//

function recognise(url: URL, method: string): ModelCall | undefined {
  if (method !== "POST") return undefined
  const path = url.pathname
  const endpoint = endpoints.find((name) => path.endsWith(name) && path[path.length - name.length - 1] === "/")
  if (endpoint === undefined) return undefined
  const named = deployment.exec(path)
  return named ? { endpoint, model: decodedSegment(named[1]!) } : { endpoint }
}

function read(body: unknown, call: ModelCall): RequestFacts {
  const field = (name: string): unknown => at(body, name)
  const cap =
    countAt(body, "max_completion_tokens") ?? countAt(body, "max_output_tokens") ?? countAt(body, "max_tokens")
  const isWordless = wordless.includes(call.endpoint)
  return {
    model: call.model ?? textAt(body, "model") ?? "unknown",
    prompt: measurePrompt(
      field("messages"),
      field("input"),
      field("prompt"),
      field("instructions"),
      field("tools"),
      field("functions"),
      field("response_format"),
      at(body, "text", "format"),
      {
        previous_response_id: field("previous_response_id"),
        conversation: field("conversation"),
        stored_prompt: at(body, "prompt", "id"),
      },
    ),
    ...(cap !== undefined && !isWordless ? { maxOutputTokens: cap } : {}),
    stream: field("stream") === true,
    answers: isWordless ? 0 : Math.max(1, countAt(body, "n") ?? 1),
  }
}

function estimate(shape: OpenAIShape, request: RequestFacts, learned: Learned): Cost {
  const inputTokens = learned.inputTokens(request.prompt)
  const likely = learned.outputMean + learned.outputSpread
  const cap = request.maxOutputTokens
  let output = (cap === undefined ? likely : Math.min(cap, likely)) * request.answers
  if (cap !== undefined && shape.tokenCharge === "sum") output = cap * request.answers
  if (cap !== undefined && shape.tokenCharge === "largest") output = Math.max(0, cap * request.answers - inputTokens)
  return { requests: 1, inputTokens, outputTokens: Math.ceil(output) }
}

function charged(shape: OpenAIShape, estimated: Cost, usage: Usage): Cost {
  const inputTokens = usage.inputTokens - (shape.cachedTokensFree ? usage.cachedInputTokens : 0)
  const used = { requests: 1, inputTokens, outputTokens: usage.outputTokens }
  if (shape.tokenCharge === "produced") return used
  // Charged at arrival and not given back: whichever is more, what was reserved or what was used.
  const reserved = (estimated.inputTokens ?? 0) + (estimated.outputTokens ?? 0)
  return { ...used, outputTokens: Math.max(usage.outputTokens, reserved - inputTokens) }
}

function classify(answer: Answer): Verdict {
  const { status, headers, body } = answer
  // Gemini's and Vertex's endpoints for this protocol refuse in their own.
  if (isGoogleError(body)) return gemini.classify(answer)
  const error = errorOf(body)
  const type = textAt(error, "type")
  const code = textAt(error, "code") ?? type ?? `http-${status}`
  const words = errorText(body)
  const message = vendorMessage(words)
  const verdict = verdictOn(code, message)

  if (status >= 200 && status < 300) return okVerdict
  if (status === 401 || status === 402) return verdict("fatal", "account")
  if (status < 500 && (isSpendCap(code, words) || isSpendCap(type, ""))) return verdict("fatal", "account")
  if (status === 413 || tooLargeCodes.has(code) || (status === 429 && /request too large/i.test(message)))
    return verdict("split", "request")
  if (headers.get("x-should-retry") === "false") return verdict("fatal", "request")
  if (status === 429) return verdict(code === "slow_down" ? "reduce" : "wait")
  if (status === 408 || status === 409 || status >= 500) return verdict("retry")
  if (headers.get("x-should-retry") === "true") return verdict("retry")
  return verdict("fatal", "request")
}

function feedback(shape: OpenAIShape, answer: Answer, verdict: Verdict, nowWallMs: number): Feedback {
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
  if (verdict.kind === "fatal" && verdict.scope === "account") return { reason: "billing", ...message }
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
function inSlices({ requestsSliceMs }: OpenAIShape, requests: LimitReading): LimitReading {
  const { dimension, limit } = requests
  if (requestsSliceMs === undefined || limit === undefined) return requests
  const windowMs = Math.max(requestsSliceMs, 60_000 / limit)
  return { dimension, limit: (limit * windowMs) / 60_000, windowMs }
}

function usageOf(usage: unknown): Usage | undefined {
  const input = countAt(usage, "prompt_tokens") ?? countAt(usage, "input_tokens")
  if (input === undefined) return undefined
  const count = (...names: readonly string[]): number | undefined =>
    names.map((name) => countAt(usage, ...name.split("."))).find((found) => found !== undefined)
  const cached = count(
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    // DeepSeek, Moonshot.
    "prompt_cache_hit_tokens",
    "cached_tokens",
  )
  const thought = count("completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens")
  const written = count("prompt_tokens_details.cache_write_tokens") ?? 0
  return {
    inputTokens: input,
    ...outputBeside(input, count("completion_tokens", "output_tokens"), thought, countAt(usage, "total_tokens")),
    cachedInputTokens: Math.min(input, cached ?? 0),
    cacheWriteTokens: Math.min(input, written),
  }
}

/** Events of the Responses API before its first piece. */
const preludes = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
  "response.output_item.added",
  "response.content_part.added",
  "ping",
])

function streamEvent({ event, data }: { event: string; data: string }): StreamFact | undefined {
  if (data === "[DONE]") return { prelude: true }
  // Most events are pieces of text: parse only those that may carry more.
  const mayFail = event === "error" || data.includes('"error"') || data.includes("response.failed")
  const mayCount = data.includes('_tokens"')
  const mayBeEmpty = emptySigns.some((sign) => data.includes(sign))
  const plain = { output: event === "message" || event.endsWith(".delta"), prelude: preludes.has(event) }
  if (!mayFail && !mayCount && !mayBeEmpty) return plain
  let body: unknown
  try {
    body = JSON.parse(data)
  } catch {
    return event === "error" ? { error: asAnswer(data, {}) } : plain
  }
  const error = errorIn(event, body)
  if (error) return { error }
  const usage = usageOf(at(body, "usage") ?? at(body, "response", "usage") ?? at(body, "x_groq", "usage"))
  const prelude = plain.prelude || isPrelude(body)
  return usage ? { usage, prelude } : { output: plain.output && !prelude, prelude }
}

const emptySigns = ['"role"', '"content":""', '"choices":[]', '"choices": []']

/** A chunk that says who will speak, or what a filter thought of the prompt, and nothing else. */
function isPrelude(body: unknown): boolean {
  const choices = at(body, "choices")
  if (!Array.isArray(choices)) return false
  return choices.every((choice) => {
    const delta = at(choice, "delta")
    if (at(choice, "finish_reason") || typeof delta !== "object" || delta === null) return false
    return Object.entries(delta).every(
      ([key, value]) => key === "role" || value === null || value === "" || isEmptyList(value),
    )
  })
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

function errorIn(event: string, body: unknown): Answer | undefined {
  const type = textAt(body, "type")
  const given = at(body, "error")
  const own = Array.isArray(given) ? (given[0] as unknown) : given
  const error = isError(own) ? own : type === "response.failed" ? at(body, "response", "error") : errorInChoice(body)
  const found = type === "error" || event === "error" ? (error ?? body) : error
  if (isError(found)) return asAnswer(found, body)
  return event === "error" ? asAnswer("The stream ended with an error that says nothing.", {}) : undefined
}

/** OpenRouter's, where the vendor behind it failed in the middle. */
function errorInChoice(body: unknown): unknown {
  const error = at(body, "choices", 0, "error")
  return isError(error) ? error : undefined
}

function asAnswer(error: object | string, body: unknown): Answer {
  const told = typeof error === "string" ? { ...(body as object), message: error } : error
  return { status: errorStatus(told), headers: new Headers(), body: { error: told } }
}

/** What gateways and web frameworks call it: `{ detail }`, `{ errors: [] }`, `{ error: [] }`, `{ message, code }`. */
function foreignError(body: unknown): object | string | undefined {
  if (["id", "object", "choices", "usage", "model"].some((key) => at(body, key) !== undefined)) return undefined
  const named = [at(body, "error", 0), at(body, "error", "error"), at(body, "errors", 0), at(body, "detail")].find(
    isError,
  )
  if (named !== undefined) return named
  const code = at(body, "statusCode") ?? at(body, "status_code") ?? at(body, "code")
  const message = textAt(body, "message")
  return message !== undefined && typeof code === "number" && code >= 400 && code < 600 ? { message, code } : undefined
}

function hiddenError(body: unknown): Answer | undefined {
  const error = Array.isArray(body) ? at(body[0], "error") : at(body, "error")
  const choices = at(body, "choices")
  if (Array.isArray(choices)) {
    const inChoice = errorInChoice(body)
    if (isError(inChoice)) return asAnswer(inChoice, body)
    if (choices.length > 0) return undefined
  }
  // Beside something else the field may be a warning.
  const isAlone = ["data", "output", "results", "text"].every((key) => !at(body, key))
  if (isError(error) && (isAlone || at(body, "status") === "failed"))
    return asAnswer(error, Array.isArray(body) ? {} : body)
  if (at(body, "object") === "error") return asAnswer(body as object, body)
  const foreign = isAlone ? foreignError(body) : undefined
  if (foreign !== undefined) return asAnswer(foreign, {})
  if (choices === null) {
    const message = "HTTP 200, and in it neither an answer nor an error: choices is null"
    return { status: 502, headers: new Headers(), body: { error: { code: "no-answer", message } } }
  }
  return undefined
}
