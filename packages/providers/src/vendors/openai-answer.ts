import { emptyAnswer } from "./reading/empty-answer.ts"
import { errorStatus, isError } from "./reading/error-status.ts"
import { errorOf } from "./reading/error-text.ts"
import { at, countAt, textAt } from "./reading/json-path.ts"
import { outputBeside } from "./reading/usage-total.ts"
import type { VendorAnswer, StreamFact, Usage } from "./vendor.ts"

/** The tokens of a `usage` object. */
export function openaiUsage(usage: unknown): Usage | undefined {
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

/** What one event of a stream tells. */
export function openaiStreamEvent({ event, data }: { event: string; data: string }): StreamFact | undefined {
  if (data === "[DONE]") return { prelude: true, last: true }
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
  const usage = openaiUsage(at(body, "usage") ?? at(body, "response", "usage") ?? at(body, "x_groq", "usage"))
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

function errorIn(event: string, body: unknown): VendorAnswer | undefined {
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

function asAnswer(error: object | string, body: unknown): VendorAnswer {
  const told = typeof error === "string" ? { ...(body as object), message: error } : error
  return { status: errorStatus(told), headers: new Headers(), body: { error: told } }
}

/** Where answers stand, of this protocol and of its neighbours. */
const answerNames = ["content", "data", "images", "output", "response", "results", "text"]

/** An error inside an answer of HTTP 200. */
export function openaiHiddenError(body: unknown): VendorAnswer | undefined {
  const choices = at(body, "choices")
  if (Array.isArray(choices) && choices.length > 0) {
    const inChoice = errorInChoice(body)
    return isError(inChoice) ? asAnswer(inChoice, body) : undefined
  }
  // Beside something else the field may be a warning.
  const isAlone = answerNames.every((name) => !at(body, name) || isEmptyList(at(body, name)))
  if (!isAlone && at(body, "status") !== "failed") return undefined
  const error = errorOf(body)
  if (error !== body && isError(error)) return asAnswer(error, Array.isArray(body) ? {} : body)
  const code = at(body, "statusCode") ?? at(body, "status_code") ?? at(body, "code")
  const isFramework = textAt(body, "message") !== undefined && typeof code === "number" && code >= 400 && code < 600
  if (at(body, "object") === "error" || isFramework) return asAnswer(body as object, body)
  return choices === null || isEmptyList(choices) ? emptyAnswer : undefined
}
