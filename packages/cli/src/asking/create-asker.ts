import { APICallError, generateText, jsonSchema, type LanguageModel, Output } from "ai"
import type { Question } from "../input/compile-question.ts"
import type { InputRecord } from "../input/prompt-template.ts"
import { type Answer, AnswerFailure, type FinishReason } from "./answer.ts"
import { jsonInAnswer } from "./json-in-answer.ts"

export interface Asked {
  readonly record: InputRecord
  readonly where: string
  readonly signal: AbortSignal
  /** The answer of the attempt before, which did not fit the schema. */
  readonly before?: AnswerFailure | undefined
}

/** Asks about one input. Throws `AnswerFailure` when what comes is no result. */
export type Asker = (asked: Asked) => Promise<Answer>

export interface AskerOptions {
  readonly question: Question
  /** Also answers that were cut, withheld, refused or are empty are results. */
  readonly acceptTruncated: boolean
  /** Told once about everything that a person would want to know. */
  readonly warn: (code: string, message: string) => void
}

type Result = Awaited<ReturnType<typeof generateText>>

/** How an answer of the schema's form is asked for: a server that refuses one way is asked the next, for the whole run. */
const ways = ["json_schema", "json_object", "text"] as const

/** Asks the model; its calls are admitted and retried below, by its `fetch`. */
export function createAsker(model: LanguageModel, { question, acceptTruncated, warn }: AskerOptions): Asker {
  const { schema, settings } = question
  // They are told by `warn`.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })
  let way = 0
  const told = new Set<string>()
  const once = (code: string, message: string): void => {
    if (told.has(message)) return
    told.add(message)
    warn(code, message)
  }

  const call = async (asked: Asked, mine: number): Promise<Result> => {
    const output = schema && outputs[ways[mine] ?? "text"](schema)
    return generateText({
      model,
      messages: conversation(question, asked, mine > 0),
      allowSystemInMessages: true,
      maxRetries: 0,
      abortSignal: asked.signal,
      ...settings,
      ...(output && { output }),
      ...(schema?.strict === false && { providerOptions: { openai: { strictJsonSchema: false } } }),
    })
  }

  return async (asked) => {
    for (;;) {
      const mine = way
      try {
        const result = await call(asked, mine)
        for (const text of ignoredIn(result)) once("setting-ignored", text)
        return answerOf(result, question, acceptTruncated)
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

/** The answer's text is read here, with whatever stands around the JSON. */
const asText = { parseCompleteOutput: ({ text }: { text: string }) => Promise.resolve(text) }

const outputs = {
  json_schema: ({ schema, name }: Schema) => ({
    ...Output.object({ schema: jsonSchema(schema), ...(name !== undefined && { name }) }),
    ...asText,
  }),
  json_object: () => ({ ...Output.json(), ...asText }),
  text: () => undefined,
}

function conversation(question: Question, { record, where, before }: Asked, sayForm: boolean) {
  const messages = question.messages(record, where)
  const last = messages.at(-1)
  if (sayForm && last && question.schema) {
    const form = JSON.stringify(question.schema.schema)
    messages[messages.length - 1] = {
      ...last,
      content: `${last.content}\n\nAnswer with nothing but JSON that fits this JSON schema:\n${form}`,
    }
  }
  if (!before) return messages
  return [
    ...messages,
    ...(before.text.trim() === "" ? [] : [{ role: "assistant" as const, content: before.text }]),
    {
      role: "user" as const,
      content: `That answer is not valid: ${before.message}\nAnswer again with nothing but JSON that fits the schema.`,
    },
  ]
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

function ignoredIn({ warnings }: Result): string[] {
  return (warnings ?? []).flatMap((warning) => {
    if (warning.type !== "unsupported") return []
    const name = optionNames.get(warning.feature) ?? warning.feature
    return [`The model does not take ${name}: it was left out${warning.details ? ` (${warning.details})` : ""}.`]
  })
}

const optionNames = new Map([
  ["temperature", "--temperature"],
  ["maxOutputTokens", "--max-output-tokens"],
])

function answerOf(result: Result, { schema }: Question, acceptTruncated: boolean): Answer {
  const finishReason = finishOf(result)
  const { response } = result
  const requestId = response.headers?.["x-request-id"] ?? response.headers?.["request-id"]
  // Structured output may come beside the text, as a tool's input.
  const text = schema ? textOf(result) : result.text
  const facts = { finishReason, model: response.modelId, ...(requestId !== undefined && { requestId }) }
  const failure = failureOf(text, finishReason, result, schema !== undefined)
  if (schema && (!failure || failure.code === "answer-empty" || acceptTruncated)) {
    const found = jsonInAnswer(text, schema.problemOf)
    if ("value" in found) return { output: found.value, ...facts }
    throw failure ?? new AnswerFailure("answer-invalid", found.problem, { text, retryable: true })
  }
  if (failure && !acceptTruncated) throw failure
  return { output: text, ...facts }
}

/** A tool's input or a last part, where that is how the vendor makes structured output. */
function textOf(result: Result): string {
  try {
    return typeof result.output === "string" ? result.output : result.text
  } catch {
    // Nothing came: the AI SDK throws where there is no output.
    return result.text
  }
}

function failureOf(
  text: string,
  reason: FinishReason,
  { usage }: Result,
  retryable: boolean,
): AnswerFailure | undefined {
  if (reason === "length") {
    const tokens = usage.outputTokens === undefined ? "" : ` after ${usage.outputTokens} tokens`
    const remedy = "Raise --max-output-tokens, ask for less, or take what came with --accept-truncated."
    return new AnswerFailure("answer-truncated", `the answer was cut${tokens}. ${remedy}`, { text })
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
  return new AnswerFailure("answer-empty", "the answer is empty.", { text, retryable })
}

/** The AI SDK files a refusal under the filter; the vendor's own word tells them apart. */
function finishOf({ finishReason, rawFinishReason }: Result): FinishReason {
  if (finishReason === "stop" || finishReason === "length") return finishReason
  if (finishReason !== "content-filter") return "other"
  return /^(stop|refusal|completed|end_turn)?$/i.test(rawFinishReason ?? "") ? "refusal" : "content_filter"
}
