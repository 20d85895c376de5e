import type { Clock } from "@sluice/core"
import { coalesce, coalesceDefaults } from "./coalesce.ts"
import { at } from "../vendors/reading/json-path.ts"

/** How inputs travel together. */
export interface CoalesceEmbeddingsOptions {
  /** Inputs in one request, at most. Default 100. */
  readonly maxItems?: number
  /** Tokens in one request, at most, at four characters each. Default 75,000. */
  readonly maxTokens?: number
  /** How long the first input of a request waits for company. Default 50. */
  readonly maxWaitMs?: number
  readonly clock?: Clock
}

/** The defaults, each with its reason. */
export const coalesceEmbeddingsDefaults: Required<Omit<CoalesceEmbeddingsOptions, "clock">> = Object.freeze({
  /** What Gemini takes; OpenAI takes 2,048, but an answer of a hundred vectors is two megabytes already. */
  maxItems: 100,
  /** OpenAI takes 300,000: enough even for a text in which every character is a token. */
  maxTokens: 75_000,
  maxWaitMs: coalesceDefaults.maxWaitMs,
})

/**
 * Embeddings of single texts, many in one request: the vendors take a list natively. Answers are matched by their index
 * where they carry one (OpenAI), else by position (AI SDK, Gemini); otherwise as `coalesce`.
 *
 * @example
 * ```ts
 * const embed = coalesceEmbeddings(async (input) => ({ data: input.map((text, index) => ({ index, embedding: [text.length] })) }))
 * await Promise.all([embed("one"), embed("three")]) // => [[3], [5]]
 * ```
 */
export function coalesceEmbeddings(
  /** One request: `(input, { signal }) => client.embeddings.create({ model, input }, { signal })`. */
  request: (inputs: string[], context: { readonly signal: AbortSignal }) => Promise<object>,
  options: CoalesceEmbeddingsOptions = {},
): (input: string, context?: { readonly signal?: AbortSignal | undefined }) => Promise<number[]> {
  return coalesce<string, object, number[]>({
    ...coalesceEmbeddingsDefaults,
    ...options,
    tokens: (input) => Math.ceil(input.length / 4),
    pack: (inputs, context) => request([...inputs], context),
    unpack: (answer, inputs) => vectorsIn(answer, inputs),
  })
}

function vectorsIn(answer: object, inputs: readonly string[]): (number[] | undefined)[] {
  const vectors = inputs.map((): number[] | undefined => undefined)
  const listed = at(answer, "data") ?? at(answer, "embeddings")
  if (!Array.isArray(listed)) return vectors
  for (const [position, one] of listed.entries()) {
    const index = at(one, "index") ?? position
    const vector: unknown = Array.isArray(one) ? one : (at(one, "embedding") ?? at(one, "values"))
    if (typeof index === "number" && index in inputs && isVector(vector)) vectors[index] = vector
  }
  // Without an index, fewer answers than inputs say nothing about whose they are.
  const isIndexed = listed.length > 0 && at(listed[0], "index") !== undefined
  return isIndexed || listed.length === inputs.length ? vectors : vectors.fill(undefined)
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && typeof value[0] === "number"
}
