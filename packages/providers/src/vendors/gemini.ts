import type { Cost, Feedback, LimitReading } from "@sluice/core"
import { decodedSegment } from "./reading/decoded-segment.ts"
import { errorText } from "./reading/error-text.ts"
import { isSpendCap, wantsPlaces } from "./reading/refusal-words.ts"
import { outputBeside } from "./reading/usage-total.ts"
import { errorStatus, isError } from "./reading/error-status.ts"
import { at, countAt, textAt } from "./reading/json-path.ts"
import { measurePrompt } from "../accounts/measure-prompt.ts"
import { msUntilPacificMidnight } from "./reading/pacific-midnight.ts"
import { toldDelay, vendorNow } from "./reading/retry-delay.ts"
import type { VendorAnswer, Learned, ModelCall, RequestFacts, StreamFact, Usage, Vendor, Verdict } from "./vendor.ts"
import { vendorMessage } from "./reading/vendor-message.ts"
import { okVerdict, refusesAccount, verdictOn } from "../call/failure/verdict.ts"

/**
 * Gemini. It sends no rate limit headers: what there is to know stands in the body of a 429. Limits count requests
 * and *input* tokens per minute and requests per day, per project.
 *
 * Source: ai.google.dev, rate limits, read 2026-11; google.rpc.QuotaFailure, RetryInfo.
 */
export const gemini: Vendor = {
  name: "gemini",
  hosts: (host) => host === "generativelanguage.googleapis.com" || host.endsWith("aiplatform.googleapis.com"),
  accountHeaders: ["x-goog-api-key", "authorization", "x-goog-user-project"],
  recognise,
  read,
  estimate,
  // Output has no limit of its own, and is counted for the dollars alone.
  charged: (_estimated, usage) => ({ requests: 1, inputTokens: usage.inputTokens, outputTokens: 0 }),
  classify,
  feedback,
  usage: (body) => usageOf(Array.isArray(body) ? at(body.at(-1), "usageMetadata") : at(body, "usageMetadata")),
  hiddenError: (body) => (isError(ownError(body)) ? asAnswer(body) : undefined),
  streamEvent,
  withModel: (url, body, model) => {
    const next = new URL(url)
    next.pathname = next.pathname.replace(operation, `/models/${model}:$2`)
    return { url: next, body: { ...body } }
  },
}

const operation = /\/models\/([^/:]+):(generateContent|streamGenerateContent|embedContent|batchEmbedContents|predict)$/

function recognise(url: URL, method: string): ModelCall | undefined {
  const found = method === "POST" ? operation.exec(url.pathname) : null
  if (!found) return undefined
  return { endpoint: found[2]!, model: decodedSegment(found[1]!), stream: found[2] === "streamGenerateContent" }
}

function read(body: unknown, call: ModelCall): RequestFacts {
  const cap = countAt(body, "generationConfig", "maxOutputTokens")
  const wordless = call.endpoint !== "generateContent" && call.endpoint !== "streamGenerateContent"
  return {
    model: call.model ?? "unknown",
    prompt: measurePrompt(
      at(body, "contents"),
      at(body, "content"),
      at(body, "systemInstruction"),
      at(body, "tools"),
      at(body, "requests"),
      at(body, "instances"),
      { cachedContent: at(body, "cachedContent") },
    ),
    ...(cap !== undefined ? { maxOutputTokens: cap } : {}),
    stream: call.stream ?? false,
    answers: wordless ? 0 : Math.max(1, countAt(body, "generationConfig", "candidateCount") ?? 1),
  }
}

function estimate(request: RequestFacts, learned: Learned): Cost {
  return { requests: 1, inputTokens: learned.inputTokens(request.prompt), outputTokens: 0 }
}

// Without `alt=sse` a streamed answer is a JSON array, and so is its error.
const ownError = (body: unknown): unknown => at(Array.isArray(body) ? body[0] : body, "error")

function details(body: unknown, type: string): unknown {
  const all = at(ownError(body), "details")
  return Array.isArray(all) ? all.find((one) => textAt(one, "@type")?.endsWith(type)) : undefined
}

function violations(body: unknown): readonly unknown[] {
  const found = at(details(body, "google.rpc.QuotaFailure"), "violations")
  return Array.isArray(found) ? found : []
}

function classify({ status, headers, body }: VendorAnswer): Verdict {
  const error = ownError(body)
  const reason = textAt(details(body, "google.rpc.ErrorInfo"), "reason")
  const code = reason ?? textAt(error, "status") ?? `http-${status}`
  const words = errorText(body)
  const message = vendorMessage(words)
  const verdict = verdictOn(code, message)

  if (status >= 200 && status < 300) return okVerdict
  if (
    status === 401 ||
    status === 402 ||
    (status < 500 && isSpendCap(reason, words)) ||
    reason === "API_KEY_INVALID" ||
    reason === "BILLING_DISABLED" ||
    reason === "CONSUMER_SUSPENDED"
  )
    return verdict("fatal", "account")
  if (status === 400 && /input token count .{0,80} exceeds/i.test(message)) return verdict("split", "request")
  if (headers.get("x-should-retry") === "false") return verdict("fatal", "request")
  if (status === 429) return verdict("wait")
  if (status === 408 || status === 409 || status >= 500) return verdict("retry")
  return verdict("fatal", "request")
}

function feedback({ status, headers, body }: VendorAnswer, verdict: Verdict, nowWallMs: number): Feedback {
  if (status < 300) return {}
  const message = verdict.message === "" ? {} : { message: verdict.message }
  if (refusesAccount(verdict)) return { refusal: { reason: "billing", ...message } }
  if (verdict.kind === "retry") {
    const retryAfterMs = toldDelay(headers, body, nowWallMs)
    return {
      ...(retryAfterMs !== undefined ? { retryAfterMs } : {}),
      ...(status === 503 ? { refusal: { reason: "overloaded" as const, ...message } } : {}),
    }
  }
  if (verdict.kind !== "wait") return {}

  const broken = violations(body)
  const perDay = broken.find((one) => /PerDay/i.test(textAt(one, "quotaId") ?? ""))
  const first = perDay ?? broken[0]
  const dimension = dimensionOf(first)
  // "Never" comes as a limit of 0, of which JSON leaves the number out.
  const isNever = /\blimit: 0\b/.test(textAt(ownError(body), "message") ?? "")
  const limit = isNever ? 0 : Number(textAt(first, "quotaValue") ?? countAt(first, "quotaValue") ?? Number.NaN)
  if (limit === 0)
    return { limits: [{ dimension: dimension ?? "requests", limit }], refusal: { reason: "rate", ...message } }
  const limits: LimitReading[] =
    dimension && limit > 0 && limit <= 1e12
      ? [{ dimension, limit, remaining: 0, ...(perDay ? { windowMs: 86_400_000 } : {}) }]
      : []
  // The RetryInfo of a spent day still says a few seconds: it means the minute.
  const retryAfterMs = perDay
    ? msUntilPacificMidnight(vendorNow(headers, nowWallMs))
    : toldDelay(headers, body, nowWallMs)
  return {
    ...(limits.length > 0 ? { limits } : {}),
    ...(retryAfterMs !== undefined ? { retryAfterMs } : {}),
    refusal: wantsPlaces(verdict.message)
      ? { reason: "places", ...message }
      : { reason: perDay ? "daily" : "rate", ...(dimension ? { dimension } : {}), ...message },
  }
}

function dimensionOf(violation: unknown): LimitReading["dimension"] | undefined {
  const words = `${textAt(violation, "quotaId") ?? ""} ${textAt(violation, "quotaMetric") ?? ""}`
  return /token/i.test(words) ? "inputTokens" : /request/i.test(words) ? "requests" : undefined
}

function usageOf(usage: unknown): Usage | undefined {
  const input = countAt(usage, "promptTokenCount")
  if (input === undefined) return undefined
  const inputTokens = input + (countAt(usage, "toolUsePromptTokenCount") ?? 0)
  const output = (countAt(usage, "candidatesTokenCount") ?? 0) + (countAt(usage, "thoughtsTokenCount") ?? 0)
  return {
    inputTokens,
    ...outputBeside(inputTokens, output, undefined, countAt(usage, "totalTokenCount")),
    cachedInputTokens: countAt(usage, "cachedContentTokenCount") ?? 0,
    cacheWriteTokens: 0,
  }
}

function streamEvent({ data }: { data: string }): StreamFact | undefined {
  let body: unknown
  try {
    body = JSON.parse(data)
  } catch {
    return undefined
  }
  if (isError(at(body, "error"))) return { error: asAnswer(body) }
  const usage = usageOf(at(body, "usageMetadata"))
  const candidate = at(body, "candidates", 0)
  const prelude =
    at(body, "promptFeedback") === undefined &&
    at(candidate, "finishReason") === undefined &&
    at(candidate, "content", "parts", 0) === undefined
  return { ...(usage ? { usage } : {}), output: !prelude, prelude }
}

function asAnswer(body: unknown): VendorAnswer {
  const error = ownError(body)
  const told = typeof error === "string" ? { message: error } : error
  return { status: errorStatus(told), headers: new Headers(), body: { error: told } }
}
