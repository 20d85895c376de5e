import { anyText, be, type Check, checkArgument, count, fields, objectOr } from "@sluice/core/internal"
import { conformToSchema, type JsonSchema } from "./conform-to-schema.ts"
import { extractiveSummary } from "./extractive-summary.ts"
import { CHARACTERS_PER_TOKEN, countTokens, cutToTokens } from "./token-count.ts"

/** A tool that a call offers. */
export interface OfferedTool {
  readonly name: string
  readonly parameters: JsonSchema
}

/** A call in vendor-neutral terms: what an answer is made from. */
export interface AnswerRequest {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly text: string }[]
  /** Tokens of everything the model reads, by `countTokens`. */
  readonly inputTokens: number
  readonly maxOutputTokens?: number
  /** The call asks for JSON of this shape. */
  readonly schema?: JsonSchema
  readonly tools: readonly OfferedTool[]
  /** The call insists on this tool. */
  readonly forcedTool?: OfferedTool
  /** The request as it came, in the vendor's own words. */
  readonly body: Readonly<Record<string, unknown>>
}

/** What a model said. */
export interface SimulatedAnswer {
  /** The text, or the arguments of `toolName` as JSON. */
  readonly text: string
  readonly toolName?: string
  readonly finish: "stop" | "length" | "tool"
  /** `countTokens(text)`, at least 1. */
  readonly outputTokens: number
}

/**
 * Where answers come from:
 * - `"echo"`: the last message again
 * - `"extractive"`: a genuine summary of the last message by `extractiveSummary`, no model involved
 * - `{ text }`: always this
 * - `{ tokens }`: filler of exactly this many tokens (fewer when the call's maximum is lower)
 * - a function: your own text, or a call of a tool
 */
export type AnswerSource =
  | "echo"
  | "extractive"
  | { readonly text: string }
  | { readonly tokens: number }
  | ((request: AnswerRequest) => AnswerText)

/** What a function may answer: text, or a call of one of the offered tools. */
export type AnswerText = string | { readonly tool: string; readonly arguments: unknown }

const made = objectOr(
  fields<{ text: string; tokens: number }>({
    text: anyText,
    tokens: count(),
  }),
  be(
    '"echo", "extractive", { text }, { tokens } or a function',
    (value) => value === "echo" || value === "extractive" || typeof value === "function",
  ),
)
const oneOfTwo = be("either { text } or { tokens }", (value) => Object.keys(value as object).length === 1)

export const answerCheck: Check = (value) => made(value) ?? (typeof value === "object" ? oneOfTwo(value) : undefined)

/**
 * Composes the answer to a call. A forced tool, and a requested schema, get conforming JSON (except from a function, whose word stands).
 * A text longer than the call's maximum is cut there and finishes with `"length"`.
 */
export function composeAnswer(request: AnswerRequest, source: AnswerSource): SimulatedAnswer {
  if (typeof source === "function") {
    const given = source(request)
    if (typeof given === "string") return finished(request, given)
    return toolCall(given.tool, JSON.stringify(given.arguments))
  }
  checkArgument("composeAnswer", "source", source, answerCheck)
  const text = textFrom(source, request)
  if (request.forcedTool !== undefined) {
    const { name, parameters } = request.forcedTool
    return toolCall(name, JSON.stringify(conformToSchema(parameters, text)))
  }
  // JSON cut in half conforms to nothing: structured output is not shortened, only its strings are.
  if (request.schema !== undefined) return finished({}, JSON.stringify(conformToSchema(request.schema, text)))
  return finished(request, text)
}

const SENTENCES_ASKED = /\b(?:in|to|into|at most|most|up to)\s+(one|two|three|four|five|\d+)\s+sentences?\b/i
const NUMBERS = ["zero", "one", "two", "three", "four", "five"]
/** "Summarise the following document:" is an order, not part of the text. */
const INSTRUCTION =
  /^[^\n]{0,400}\b(?:summari[sz]e|summary|condense|shorten|combine)[^\n]{0,400}:[ \t]*(?:\n|$|(?=\S))/i

function textFrom(source: Exclude<AnswerSource, (...args: never) => unknown>, request: AnswerRequest): string {
  const last = request.messages.at(-1)?.text ?? ""
  const maxTokens = request.maxOutputTokens ?? Infinity
  if (source === "echo") return last
  if (source === "extractive") {
    const asked = SENTENCES_ASKED.exec(
      request.messages.map(({ text }) => text.slice(0, 400)).join("\n"),
    )?.[1]?.toLowerCase()
    const maxSentences = asked === undefined ? 3 : NUMBERS.includes(asked) ? NUMBERS.indexOf(asked) : Number(asked)
    return extractiveSummary(last.replace(INSTRUCTION, ""), { maxTokens, maxSentences: Math.max(1, maxSentences) })
  }
  if ("text" in source) return source.text
  return "word ".repeat(source.tokens).slice(0, source.tokens * CHARACTERS_PER_TOKEN)
}

function finished(limits: Pick<AnswerRequest, "maxOutputTokens">, text: string): SimulatedAnswer {
  const cut = cutToTokens(text, limits.maxOutputTokens ?? Infinity)
  return {
    text: cut,
    finish: cut.length < text.length ? "length" : "stop",
    outputTokens: Math.max(1, countTokens(cut)),
  }
}

function toolCall(name: string, json: string): SimulatedAnswer {
  return { text: json, toolName: name, finish: "tool", outputTokens: countTokens(json) }
}
