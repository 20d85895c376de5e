import type { LearnedTokens } from "./token-estimate.ts"
import { type Price, usdOf } from "./prices.ts"
import type { RequestFacts } from "../vendors/vendor.ts"

/** An answer of a model whose maximum nobody has told: the longest that the models of 2026 give, as of their vendors' pages. */
export const unknownMaxOutputTokens = 128_000

/**
 * The most that a call can cost, as far as anybody can know. Output: its own cap, else the model's maximum; once ten answers
 * are known, no more than twice the longest of them. Input: as estimated; before ten answers a token a character, which
 * hardly any text exceeds. All at the price of what is written to a cache, where that is dearer.
 */
export function dollarsAtMost(
  { prompt, maxOutputTokens, answers }: RequestFacts,
  learned: LearnedTokens,
  price: Price,
): number {
  const cap = maxOutputTokens ?? price.maxOutputTokens ?? unknownMaxOutputTokens
  const { likelyMostOutput } = learned
  const likelyInput = learned.inputTokens(prompt)
  const inputTokens = likelyMostOutput === undefined ? Math.max(likelyInput, prompt.textChars) : likelyInput
  return usdOf(price, {
    inputTokens,
    outputTokens: Math.min(cap, likelyMostOutput ?? Infinity) * answers,
    cachedInputTokens: 0,
    cacheWriteTokens: (price.cacheWrite ?? 0) > price.input ? inputTokens : 0,
  })
}
