import {
  APICallError,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4GenerateResult,
} from "@ai-sdk/provider"
import type { Question } from "../question/compile-question.ts"
import { type ModelAnswer, AnswerFailure, type FinishReason, type RawAnswer } from "./answer.ts"
import { type Asked, conversation } from "./conversation.ts"
import { jsonInAnswer } from "./json-in-answer.ts"

/** Asks about one input. Throws `AnswerFailure` when what comes is no result. */
export type Asker = (asked: Asked) => Promise<ModelAnswer>

export interface AskerOptions {
  readonly question: Question
  /** Also answers that were cut, withheld, refused or are empty are results. */
  readonly acceptTruncated: boolean
  /** Answers are kept as the vendor sent them too. */
  readonly keepRaw?: boolean
  /** Told once about everything that a person would want to know. */
  readonly warn: (code: string, message: string) => void
}

/** How an answer of the schema's form is asked for: a server that refuses one way is asked the next, for the whole run. */
const ways = ["json_schema", "json_object", "text"] as const

/** Asks the model; its calls are admitted and retried below, by its `fetch`. */
export function createAsker(
  model: LanguageModelV4,
  { question, acceptTruncated, keepRaw = false, warn }: AskerOptions,
): Asker {
  const { schema, settings } = question
  let way = 0
  const told = new Set<string>()
  const once = (code: string, message: string): void => {
    if (told.has(message)) return
    told.add(message)
    warn(code, message)
  }

  const call = async (asked: Asked, mine: number): Promise<LanguageModelV4GenerateResult> =>
    model.doGenerate({
      ...settings,
      prompt: conversation(question, asked, mine > 0),
      abortSignal: asked.signal,
      ...(schema && formOf(schema, ways[mine] ?? "text")),
    })

  return async (asked) => {
    for (;;) {
      const mine = way
      try {
        const result = await call(asked, mine)
        for (const text of ignoredIn(result)) once("setting-ignored", text)
        const raw = keepRaw ? { raw: rawOf(result) } : {}
        try {
          return { ...answerOf(result, model.modelId, question, acceptTruncated), ...raw }
        } catch (error) {
          throw error instanceof AnswerFailure ? Object.assign(error, raw) : error
        }
      } catch (error) {
        if (!schema || mine === ways.length - 1 || !refusesForm(error)) throw error
        way = Math.max(way, mine + 1)
        once(
          "response-format",
          `The server does not take response_format ${ways[mine]} (${error.message}). This run asks for ${
            ways[way] === "text" ? "plain text" : ways[way]
          } and says the schema in the prompt; answers are checked all the same.`,
        )
      }
    }
  }
}

type Schema = NonNullable<Question["schema"]>

/** How the request says that the answer is to be JSON. */
function formOf(
  { schema, name, strict }: Schema,
  way: (typeof ways)[number],
): Pick<LanguageModelV4CallOptions, "responseFormat" | "providerOptions"> {
  const options = strict === false ? { providerOptions: { openai: { strictJsonSchema: false } } } : {}
  if (way === "text") return options
  if (way === "json_object") return { responseFormat: { type: "json" }, ...options }
  return { responseFormat: { type: "json", schema, ...(name !== undefined && { name }) }, ...options }
}

/** A refusal of the form, not of this schema: another form is worth asking for. */
function refusesForm(error: unknown): error is APICallError {
  if (!APICallError.isInstance(error) || ![400, 404, 415, 422, 501].includes(error.statusCode ?? 0)) return false
  const said = `${error.message} ${error.responseBody ?? ""}`.slice(0, 4_000)
  return (
    /response_?format|json_?schema|json_object|json mode|structured.?output/i.test(said) &&
    !/invalid schema/i.test(said)
  )
}

function ignoredIn({ warnings }: LanguageModelV4GenerateResult): string[] {
  return warnings.flatMap((warning) => {
    if (warning.type !== "unsupported") return []
    const name = optionNames.get(warning.feature) ?? warning.feature
    return [`The model does not take ${name}: it was left out${warning.details ? ` (${warning.details})` : ""}.`]
  })
}

const optionNames = new Map([
  ["temperature", "--temperature"],
  ["maxOutputTokens", "--max-output-tokens"],
  ["topP", "--top-p"],
  ["seed", "--model-seed"],
  ["stopSequences", "--stop"],
  ["reasoning", "--reasoning-effort"],
])

function answerOf(
  result: LanguageModelV4GenerateResult,
  asked: string,
  { schema }: Question,
  acceptTruncated: boolean,
): ModelAnswer {
  const finishReason = finishOf(result)
  const { headers, modelId: model = asked } = result.response ?? {}
  const requestId = requestIdIn(headers)
  const said = result.content.map((part) => (part.type === "text" ? part.text : "")).join("")
  // Some make structured output as a tool's input or a last part.
  const text = schema ? (result.structuredOutputText ?? said) : said
  const facts = { finishReason, model, ...(requestId !== undefined && { requestId }) }
  const failure = failureOf(text, finishReason, result, schema !== undefined)
  if (schema && (!failure || failure.code === "answer-empty" || acceptTruncated)) {
    const found = jsonInAnswer(text, schema.problemOf)
    if ("value" in found) return { output: found.value, ...facts }
    throw failure ?? new AnswerFailure("answer-invalid", found.problem, { text, retryable: true })
  }
  if (failure && !acceptTruncated) throw failure
  return { output: text, ...facts }
}

function rawOf({ response }: LanguageModelV4GenerateResult): RawAnswer {
  return { status_code: 200, request_id: requestIdIn(response?.headers) ?? "", body: response?.body ?? null }
}

function requestIdIn(headers: Readonly<Record<string, string>> | undefined): string | undefined {
  return headers?.["x-request-id"] ?? headers?.["request-id"]
}

function failureOf(
  text: string,
  reason: FinishReason,
  { usage, finishReason, content }: LanguageModelV4GenerateResult,
  retryable: boolean,
): AnswerFailure | undefined {
  if (reason === "length") {
    const tokens = usage.outputTokens.total === undefined ? "" : ` after ${usage.outputTokens.total} tokens`
    const remedy = "Raise --max-output-tokens, ask for less, or take what came with --accept-truncated."
    return new AnswerFailure("answer-truncated", `the answer was cut${tokens}. ${remedy}`, { text })
  }
  if (reason === "other" && isBrokenOff(finishReason)) {
    const word = finishReason.raw ?? finishReason.unified
    const remedy = "Ask again with --retry-failed, or take what came with --accept-truncated."
    return new AnswerFailure("answer-truncated", `the vendor broke the answer off (${word}). ${remedy}`, { text })
  }
  if (reason === "content_filter") {
    return new AnswerFailure("answer-filtered", "the vendor's content filter cut or withheld the answer.", { text })
  }
  if (reason === "refusal") {
    return new AnswerFailure("answer-refused", `the model refused: ${text.slice(0, 200) || "it gave no reason"}`, {
      text,
    })
  }
  if (text.trim() !== "") return undefined
  const tool = content.find((part) => part.type === "tool-call")
  if (tool) {
    const words = `the model called the tool ${tool.toolName}, which nobody runs here, in place of an answer.`
    return new AnswerFailure("answer-empty", `${words} --option tool_choice=none forbids it.`, { text })
  }
  return new AnswerFailure("answer-empty", "the answer is empty.", { text, retryable })
}

/** The AI SDK files a refusal under the filter, and many a vendor's word under nothing: the word itself tells them apart. */
function finishOf({ finishReason: { unified, raw = "" } }: LanguageModelV4GenerateResult): FinishReason {
  if (unified === "stop" || unified === "length") return unified
  if (unified === "content-filter")
    return /^(stop|refusal|completed|end_turn)?$/i.test(raw) ? "refusal" : "content_filter"
  if (/length|max_?tokens/i.test(raw)) return "length"
  return /safety|filter|sensitive|prohibited|recitation|toxic|^language$/i.test(raw) ? "content_filter" : "other"
}

/** What servers say when it was neither the model nor a limit that ended the answer. `OTHER` is Gemini's. */
function isBrokenOff({ unified, raw = "" }: LanguageModelV4GenerateResult["finishReason"]): boolean {
  return unified === "error" || /^(error|abort|cancel|malformed|insufficient|network)/i.test(raw) || raw === "OTHER"
}
