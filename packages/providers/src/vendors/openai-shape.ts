import type { Cost } from "@sluice/core"
import { measurePrompt } from "../accounts/measure-prompt.ts"
import { okVerdict, verdictOn } from "../call/failure/verdict.ts"
import { gemini } from "./gemini.ts"
import { openaiHiddenError, openaiStreamEvent, openaiUsage } from "./openai-answer.ts"
import { openaiFeedback, type OpenAILimits } from "./openai-limits.ts"
import { decodedSegment } from "./reading/decoded-segment.ts"
import { errorOf, errorText, isGoogleError } from "./reading/error-text.ts"
import { at, countAt, textAt } from "./reading/json-path.ts"
import { isSpendCap } from "./reading/refusal-words.ts"
import { vendorMessage } from "./reading/vendor-message.ts"
import type { VendorAnswer, Learned, ModelCall, RequestFacts, Usage, Vendor, Verdict } from "./vendor.ts"

/** Where the vendors that speak OpenAI's protocol differ. */
export interface OpenAIShape extends OpenAILimits {
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

/** `openAIShaped` of the package, documented there; of shapes that were checked. */
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
    charged: (estimated, usage, request) => charged(shape, estimated, usage, request),
    classify,
    feedback: (answer, verdict, nowWallMs) => openaiFeedback(shape, answer, verdict, nowWallMs),
    usage: (body) => openaiUsage(at(body, "usage")),
    hiddenError: openaiHiddenError,
    streamEvent: openaiStreamEvent,
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

function charged(shape: OpenAIShape, estimated: Cost, usage: Usage, request?: RequestFacts): Cost {
  const inputTokens = usage.inputTokens - (shape.cachedTokensFree ? usage.cachedInputTokens : 0)
  const used = { requests: 1, inputTokens, outputTokens: usage.outputTokens }
  if (shape.tokenCharge === "produced") return used
  // Charged at arrival and not given back: whichever is more, what was reserved or what was used.
  const reserved = (estimated.inputTokens ?? 0) + (estimated.outputTokens ?? 0)
  // The answer is charged as its cap was, beside a prompt that is larger not at all.
  const isCapped = shape.tokenCharge === "largest" && request?.maxOutputTokens
  return { ...used, outputTokens: Math.max(isCapped ? 0 : usage.outputTokens, reserved - inputTokens) }
}

function classify(answer: VendorAnswer): Verdict {
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
