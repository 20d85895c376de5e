import type { LanguageModel, LanguageModelUsage, ModelMessage } from "ai"
import type * as z from "zod"
import { AnswerError } from "./answer-error.ts"
import { type Price, usdOf } from "../accounts/prices.ts"

/** What is asked, and how often. */
export interface AskOptions<S extends z.ZodType> {
  readonly schema: S
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

/**
 * Structured output over the AI SDK: asks, validates with zod, and asks again with the validation error.
 *
 * Each ask is a call of its own: with a model whose provider has `limitedFetch`, it is admitted and accounted like any
 * other. The AI SDK's own retries are off. A truncated answer is not asked again, since it would be cut again.
 *
 * @throws AnswerError `answer-truncated` or `answer-invalid`, with the last text and what it took; what the SDK throws
 * otherwise.
 * @example
 * ```ts no-run
 * const { value } = await ask(openai("gpt-5-mini"), { schema: z.object({ city: z.string() }), prompt: "Where is the Spree?" })
 * ```
 */
export async function ask<S extends z.ZodType>(
  model: LanguageModel,
  options: AskOptions<S>,
): Promise<Answered<z.output<S>>> {
  // Optional peer: only who asks needs it.
  const { generateText, NoObjectGeneratedError, Output } = await import("ai")
  const { schema, system, maxReasks = askDefaults.maxReasks, maxOutputTokens, temperature, signal } = options
  const messages: ModelMessage[] = [{ role: "user", content: options.prompt }]
  const spent = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0 }
  for (let asks = 1; ; asks++) {
    let wrong: { text: string; finishReason: string | undefined; cause: unknown }
    try {
      const result = await generateText({
        model,
        messages,
        maxRetries: 0,
        output: Output.object({ schema }),
        ...(system !== undefined && { system }),
        ...(maxOutputTokens !== undefined && { maxOutputTokens }),
        ...(temperature !== undefined && { temperature }),
        ...(signal !== undefined && { abortSignal: signal }),
      })
      add(spent, result.usage)
      const value = result.output as z.output<S>
      return {
        value,
        asks,
        inputTokens: spent.inputTokens,
        outputTokens: spent.outputTokens,
        ...(options.price && { usd: usdOf(options.price, spent) }),
      }
    } catch (error) {
      if (!NoObjectGeneratedError.isInstance(error)) throw error
      add(spent, error.usage)
      wrong = { text: error.text ?? "", finishReason: error.finishReason, cause: error.cause }
    }
    const facts = { ...spent, asks, text: wrong.text, cause: wrong.cause }
    if (wrong.finishReason === "length")
      throw new AnswerError(
        "answer-truncated",
        `the answer was cut after ${spent.outputTokens} tokens. Raise maxOutputTokens, or ask for less.`,
        facts,
      )
    const limit = limitReached(options, spent, asks > maxReasks)
    const problem = messageOf(wrong.cause)
    if (limit) throw new AnswerError("answer-invalid", `no valid answer in ${asks} asks (${limit}): ${problem}`, facts)
    messages.push(
      { role: "assistant", content: wrong.text },
      {
        role: "user",
        content: `That answer is not valid: ${problem}\nAnswer again with nothing but JSON that fits the schema.`,
      },
    )
  }
}

function limitReached(
  options: AskOptions<z.ZodType>,
  spent: { inputTokens: number; outputTokens: number; cachedInputTokens: number; cacheWriteTokens: number },
  asked: boolean,
): string | undefined {
  if (asked) return "maxReasks"
  if (spent.inputTokens + spent.outputTokens >= (options.maxTokens ?? Infinity)) return "maxTokens"
  if (options.price && usdOf(options.price, spent) >= (options.budgetUsd ?? Infinity)) return "budgetUsd"
  return undefined
}

function add(
  spent: { inputTokens: number; outputTokens: number; cachedInputTokens: number },
  usage: LanguageModelUsage | undefined,
): void {
  spent.inputTokens += usage?.inputTokens ?? 0
  spent.outputTokens += usage?.outputTokens ?? 0
  spent.cachedInputTokens += usage?.inputTokenDetails?.cacheReadTokens ?? 0
}

function messageOf(cause: unknown): string {
  // The AI SDK wraps zod's error; its own words repeat the whole value.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const text = inner instanceof Error ? inner.message : String(inner)
  return text.length > 1000 ? `${text.slice(0, 997)}…` : text
}
