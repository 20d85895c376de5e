import { SluiceError, type StandardSchema } from "@sluice/core"
import {
  abortSignal,
  anything,
  anyText,
  checkOptions,
  count,
  fields,
  needed,
  number,
  positive,
  type Shape,
} from "@sluice/core/internal"
import { type Price, usdOf } from "../accounts/prices.ts"
import { priceChecks } from "../check-options.ts"
import { AnswerError } from "./answer-error.ts"
import { askModel, type AskModel, type ModelMessage, type ModelUsage } from "./ask-model.ts"
import { closedJsonSchema } from "./closed-json-schema.ts"

/** What is asked, and how often. */
export interface AskOptions<T> {
  /** A Standard Schema that knows its JSON Schema too: zod from 4.2, ArkType, Valibot by its converter. */
  readonly schema: StandardSchema<T>
  readonly prompt: string
  readonly system?: string
  /** How often a wrong answer is asked again with what is wrong about it. Default 2. */
  readonly maxReasks?: number
  /** Tokens of all answers and prompts together; no further ask once they are used up. */
  readonly maxTokens?: number
  /** Dollars of them, with `price`. */
  readonly budgetUsd?: number
  readonly price?: Price
  /** Cap of each answer. */
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly signal?: AbortSignal
}

/** A valid answer, and what it took. */
export interface Answered<T> {
  readonly value: T
  readonly asks: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** With `price`. */
  readonly usd?: number
}

/** The defaults, each with its reason. */
export const askDefaults: { readonly maxReasks: number } = Object.freeze({
  /** A model that failed three times with the error before its eyes fails the fourth time too. */
  maxReasks: 2,
})

const checks: Shape<AskOptions<never>> = {
  schema: needed(anything),
  prompt: needed(anyText),
  system: anyText,
  maxReasks: count(0),
  price: fields(priceChecks),
  maxTokens: positive,
  budgetUsd: positive,
  maxOutputTokens: count(),
  temperature: number,
  signal: abortSignal,
}

interface Spent {
  inputTokens: number
  outputTokens: number
  cachedInputTokens: number
  cacheWriteTokens: number
}

/**
 * Structured output from a model of the AI SDK: asks, validates, and asks again with the validation error.
 *
 * Each ask is a call of its own: with a model whose provider has `limitedFetch`, it is admitted and accounted like any
 * other, and nothing above it retries. A truncated answer is not asked again, since it would be cut again.
 *
 * @throws AnswerError `answer-truncated` or `answer-invalid`, with the last text and what it took; SluiceError
 * `invalid-option`; what the provider throws otherwise.
 * @example
 * ```ts no-run
 * const { value } = await ask(openai("gpt-5-mini"), { schema: z.object({ city: z.string() }), prompt: "Where is the Spree?" })
 * ```
 */
export async function ask<T>(model: AskModel | string, options: AskOptions<T>): Promise<Answered<T>> {
  checkOptions("ask", options, checks)
  const { schema, system, maxReasks = askDefaults.maxReasks, maxOutputTokens, temperature, signal } = options
  const format = { type: "json", schema: closedJsonSchema(schema) } as const
  const messages: ModelMessage[] = [
    ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
    { role: "user", content: [{ type: "text", text: options.prompt }] },
  ]
  const spent: Spent = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0 }
  for (let asks = 1; ; asks++) {
    signal?.throwIfAborted()
    const { text, finishReason, usage } = await askModel(model, {
      prompt: messages,
      responseFormat: format,
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(signal !== undefined && { abortSignal: signal }),
    })
    add(spent, usage)
    // What was cut may be valid by chance, and is not what was meant.
    const read = finishReason === "length" ? { problem: "it was cut" } : await validated(schema, text)
    if ("value" in read) {
      const { inputTokens, outputTokens } = spent
      return {
        value: read.value,
        asks,
        inputTokens,
        outputTokens,
        ...(options.price && { usd: usdOf(options.price, spent) }),
      }
    }
    const facts = { ...spent, asks, text, cause: read.cause }
    if (finishReason === "length")
      throw new AnswerError(
        "answer-truncated",
        `the answer was cut after ${spent.outputTokens} tokens. Raise maxOutputTokens, or ask for less.`,
        facts,
      )
    const limit = limitReached(options, spent, asks > maxReasks)
    const { problem } = read
    if (limit) throw new AnswerError("answer-invalid", `no valid answer in ${asks} asks (${limit}): ${problem}`, facts)
    messages.push(
      { role: "assistant", content: [{ type: "text", text }] },
      { role: "user", content: [{ type: "text", text: askedAgain(problem) }] },
    )
  }
}

function askedAgain(problem: string): string {
  return `That answer is not valid: ${problem}\nAnswer again with nothing but JSON that fits the schema.`
}

type Read<T> = { readonly value: T } | { readonly problem: string; readonly cause?: unknown }

/** The text as the schema reads it, or what is wrong with it. */
async function validated<T>(schema: StandardSchema<T>, text: string): Promise<Read<T>> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    return { problem: shortened(`it is not JSON (${(cause as Error).message})`), cause }
  }
  const result = await schema["~standard"].validate(json)
  if (!result.issues) return { value: result.value }
  const lines = result.issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => String(typeof part === "object" ? part.key : part))
    return keys.length > 0 ? `${keys.join(".")}: ${message}` : message
  })
  const cause = new SluiceError("answer-invalid", lines.join("; "), { details: { issues: result.issues } })
  return { problem: shortened(lines.join("; ")), cause }
}

function limitReached(
  options: Pick<AskOptions<unknown>, "maxTokens" | "budgetUsd" | "price">,
  spent: Spent,
  asked: boolean,
): string | undefined {
  if (asked) return "maxReasks"
  if (spent.inputTokens + spent.outputTokens >= (options.maxTokens ?? Infinity)) return "maxTokens"
  if (options.price && usdOf(options.price, spent) >= (options.budgetUsd ?? Infinity)) return "budgetUsd"
  return undefined
}

function add(spent: Spent, usage: ModelUsage): void {
  spent.inputTokens += usage.inputTokens
  spent.outputTokens += usage.outputTokens
  spent.cachedInputTokens += usage.cachedInputTokens
}

function shortened(text: string): string {
  return text.length > 1000 ? `${text.slice(0, 997)}…` : text
}
