import type { Cost, Feedback, LimitReading } from "@sluice/core"
import { decodedSegment } from "./reading/decoded-segment.ts"
import { gemini } from "./gemini.ts"
import { errorOf, errorText, isGoogleError } from "./reading/error-text.ts"
import { isSpendCap, wantsPlaces } from "./reading/refusal-words.ts"
import { errorStatus, isError } from "./reading/error-status.ts"
import { at, countAt, countInHeader, textAt } from "./reading/json-path.ts"
import { measurePrompt } from "../accounts/measure-prompt.ts"
import { longestTrustedDelayMs, toldDelay } from "./reading/retry-delay.ts"
import type { VendorAnswer, Learned, ModelCall, RequestFacts, StreamFact, Usage, Vendor, Verdict } from "./vendor.ts"
import { vendorMessage } from "./reading/vendor-message.ts"
import { okVerdict, refusesAccount, verdictOn } from "../call/failure/verdict.ts"

/**
 * Anthropic's Messages API. Input is estimated at the start and adjusted; output counts as it is produced, so
 * `max_tokens` costs nothing; reading from the cache is free.
 *
 * Source: platform.claude.com, rate limits and errors, read 2026-11.
 */
export const anthropic: Vendor = {
  name: "anthropic",
  hosts: (host) => host === "api.anthropic.com" || host.endsWith(".anthropic.com"),
  accountHeaders: ["x-api-key", "authorization"],
  recognise,
  read,
  estimate,
  charged: (_estimated, usage) => ({
    requests: 1,
    inputTokens: usage.inputTokens - usage.cachedInputTokens,
    outputTokens: usage.outputTokens,
  }),
  classify,
  feedback,
  usage: wholeUsage,
  // Google's, where Claude is on Vertex, may be a list.
  hiddenError: (body) => {
    const whole = Array.isArray(body) ? (body[0] as unknown) : body
    return isError(at(whole, "error")) && at(whole, "content") === undefined ? asAnswer(whole) : undefined
  },
  streamEvent,
  withModel: (url, body, model) => {
    if (!onVertex.test(url.pathname)) return { url, body: { ...body, model } }
    const next = new URL(url)
    next.pathname = next.pathname.replace(onVertex, `/publishers/anthropic/models/${model}:$2`)
    return { url: next, body: { ...body } }
  },
}

/** Claude on Google's Vertex AI: the same body, the model in the path. */
const onVertex = /\/publishers\/anthropic\/models\/([^/:]+):(rawPredict|streamRawPredict)$/

function recognise({ pathname }: URL, method: string): ModelCall | undefined {
  if (method !== "POST") return undefined
  if (/\/v1\/messages$|\/v1\/complete$/.test(pathname)) return { endpoint: "messages" }
  const found = onVertex.exec(pathname)
  // Not a model: it counts a prompt's tokens.
  if (!found || found[1] === "count-tokens") return undefined
  return { endpoint: "messages", model: decodedSegment(found[1]!), stream: found[2] === "streamRawPredict" }
}

function read(body: unknown, call: ModelCall): RequestFacts {
  const cap = countAt(body, "max_tokens")
  return {
    model: call.model ?? textAt(body, "model") ?? "unknown",
    prompt: measurePrompt(at(body, "messages"), at(body, "system"), at(body, "tools"), at(body, "prompt"), {
      mcp_servers: at(body, "mcp_servers"),
    }),
    ...(cap !== undefined ? { maxOutputTokens: cap } : {}),
    stream: call.stream ?? at(body, "stream") === true,
    answers: 1,
  }
}

function estimate(request: RequestFacts, learned: Learned): Cost {
  const likely = learned.outputMean + learned.outputSpread
  return {
    requests: 1,
    inputTokens: learned.inputTokens(request.prompt),
    outputTokens: Math.ceil(Math.min(request.maxOutputTokens ?? Infinity, likely)),
  }
}

function classify(answer: VendorAnswer): Verdict {
  const { status, headers, body } = answer
  // Claude on Vertex may be refused by Google.
  if (isGoogleError(body)) return gemini.classify(answer)
  const error = errorOf(body)
  const code =
    textAt(error, "details", "error_code") ?? textAt(error, "error_code") ?? textAt(error, "type") ?? `http-${status}`
  const words = errorText(body)
  const message = vendorMessage(words)
  const verdict = verdictOn(code, message)

  if (status >= 200 && status < 300) return okVerdict
  if (status === 401 || status === 402 || (status < 500 && isSpendCap(code, words))) return verdict("fatal", "account")
  if (status === 413 || (status === 400 && /prompt is too long|exceed context limit/i.test(message)))
    return verdict("split", "request")
  if (headers.get("x-should-retry") === "false") return verdict("fatal", "request")
  if (status === 429)
    return verdict(code === "ramp_limit_exceeded" || /acceleration/i.test(message) ? "reduce" : "wait")
  if (status === 408 || status === 409 || status >= 500) return verdict("retry")
  if (headers.get("x-should-retry") === "true") return verdict("retry")
  return verdict("fatal", "request")
}

function feedback(answer: VendorAnswer, verdict: Verdict, nowWallMs: number): Feedback {
  const { status, headers, body } = answer
  if (status >= 300 && isGoogleError(body)) return gemini.feedback(answer, verdict, nowWallMs)
  const limits = [
    reading(headers, "requests", "requests", nowWallMs),
    reading(headers, "input-tokens", "inputTokens", nowWallMs),
    reading(headers, "output-tokens", "outputTokens", nowWallMs),
  ].filter((one) => one !== undefined)
  // `tokens` repeats the tightest of the others; alone it is all there is.
  if (!limits.some((one) => one.dimension !== "requests")) {
    const tokens = reading(headers, "tokens", "tokens", nowWallMs)
    if (tokens) limits.push(tokens)
  }
  if (status < 300) return limits.length > 0 ? { limits } : {}

  const again = verdict.kind === "wait" || verdict.kind === "reduce" || verdict.kind === "retry"
  const retryAfterMs = again ? toldDelay(headers, body, nowWallMs) : undefined
  const refusal = refusalOf(status, verdict)
  return {
    ...(limits.length > 0 ? { limits } : {}),
    ...(retryAfterMs !== undefined ? { retryAfterMs } : {}),
    ...(refusal ? { refusal } : {}),
  }
}

function refusalOf(status: number, verdict: Verdict): Feedback["refusal"] | undefined {
  const message = verdict.message === "" ? {} : { message: verdict.message }
  if (refusesAccount(verdict)) return { reason: "billing", ...message }
  if (verdict.kind === "reduce") return { reason: "ramp", ...message }
  if (verdict.kind === "retry" && (status === 529 || status === 503)) return { reason: "overloaded", ...message }
  if (verdict.kind !== "wait") return undefined
  const words = verdict.message
  if (wantsPlaces(words)) return { reason: "places", ...message }
  const dimension = /input tokens/i.test(words)
    ? "inputTokens"
    : /output tokens/i.test(words)
      ? "outputTokens"
      : /requests/i.test(words)
        ? "requests"
        : undefined
  return { reason: "rate", ...(dimension ? { dimension } : {}), ...message }
}

function reading(
  headers: Headers,
  name: string,
  dimension: LimitReading["dimension"],
  nowWallMs: number,
): LimitReading | undefined {
  const limit = countInHeader(headers, `anthropic-ratelimit-${name}-limit`)
  if (limit === undefined || limit === 0) return undefined
  const remaining = countInHeader(headers, `anthropic-ratelimit-${name}-remaining`)
  const resetMs = Date.parse(headers.get(`anthropic-ratelimit-${name}-reset`) ?? "") - nowWallMs
  return {
    dimension,
    limit,
    ...(remaining !== undefined ? { remaining } : {}),
    ...(resetMs <= longestTrustedDelayMs ? { resetMs: Math.max(0, resetMs) } : {}),
    ...(dimension === "requests" ? {} : { roundedTo: 1000 }),
  }
}

function usageOf(usage: unknown): Partial<Usage> | undefined {
  const fresh = countAt(usage, "input_tokens")
  const output = countAt(usage, "output_tokens")
  if (fresh === undefined && output === undefined) return undefined
  const read = countAt(usage, "cache_read_input_tokens")
  const written = countAt(usage, "cache_creation_input_tokens")
  // The vendor counts cached parts beside `input_tokens`; here input means all of it.
  return {
    ...(fresh !== undefined ? { inputTokens: fresh + (read ?? 0) + (written ?? 0) } : {}),
    ...(read !== undefined ? { cachedInputTokens: read } : {}),
    ...(written !== undefined ? { cacheWriteTokens: written } : {}),
    ...(output !== undefined ? { outputTokens: output } : {}),
  }
}

function wholeUsage(body: unknown): Usage | undefined {
  const {
    inputTokens,
    outputTokens = 0,
    cachedInputTokens = 0,
    cacheWriteTokens = 0,
  } = usageOf(at(body, "usage")) ?? {}
  return inputTokens === undefined ? undefined : { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens }
}

function streamEvent({ event, data }: { event: string; data: string }): StreamFact | undefined {
  if (event === "ping") return { prelude: true }
  if (event === "content_block_delta") return { output: true }
  // Also by what is inside: a router may leave the name out.
  const mayFail = event === "error" || data.includes('"error"')
  const isStart = event === "message_start" || event === "content_block_start"
  if (!isStart && event !== "message_delta" && !mayFail) return undefined
  let body: unknown
  try {
    body = JSON.parse(data)
  } catch {
    return undefined
  }
  if (event === "error" || (textAt(body, "type") ?? "error") === "error") {
    const error = at(body, "error")
    if (event === "error" || isError(error)) return { error: asAnswer(body) }
  }
  // What a tool or the vendor's own search found comes whole, with its block's start.
  if (event === "content_block_start")
    return { prelude: ["text", "thinking"].includes(textAt(body, "content_block", "type") ?? "") }
  const prelude = event === "message_start"
  const usage = usageOf(prelude ? at(body, "message", "usage") : at(body, "usage"))
  return usage ? { usage, prelude } : { prelude }
}

function asAnswer(body: unknown): VendorAnswer {
  const error = at(body, "error") ?? body
  const told = typeof error === "string" ? { message: error } : error
  return { status: errorStatus(told), headers: new Headers(), body: { type: "error", error: told } }
}
