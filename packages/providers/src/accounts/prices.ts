import type { Usage } from "../vendors/vendor.ts"

/** US dollars per million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
  /** Read from the vendor's cache; default: as input. */
  readonly cachedInput?: number
  /** Written to the vendor's cache; default: as input. */
  readonly cacheWrite?: number
  /** The longest answer of the model: what a call without a cap of its own may cost at most. Default 128,000. */
  readonly maxOutputTokens?: number
}

/** An answer of a model whose maximum nobody has told: the longest that the models of 2026 give, as of their vendors' pages. */
export const longestAnswer = 128_000

/** Prices by model or pattern (`claude-haiku-*`). */
export type Prices = Readonly<Record<string, Price>>

/**
 * List prices for prompts of usual length (above 100,000 to 272,000 tokens some models cost more; cache writes are those for
 * five minutes). They age and are nobody's promise: vendors change one every few weeks, so compare `pricesAsOf` with today
 * before you rely on a budget, and pass `prices` to override any of them. A model that is not listed is accounted in tokens
 * alone, and no `budgetUsd` sees it.
 *
 * Source: the vendors' pricing pages and two trackers that follow them, as of `pricesAsOf`.
 */
export const prices: Prices = Object.freeze({
  "gpt-6.1-sol*": { input: 2, output: 10, cachedInput: 0.1, cacheWrite: 2.5 },
  "gpt-6.1-terra*": { input: 1, output: 5, cachedInput: 0.05, cacheWrite: 1.25 },
  "gpt-6-sol*": { input: 2, output: 10, cachedInput: 0.2, cacheWrite: 2.5 },
  "gpt-6-luna*": { input: 0.1, output: 0.5, cachedInput: 0.01, cacheWrite: 0.125 },
  "gpt-5-nano*": { input: 0.05, output: 0.4, cachedInput: 0.005 },
  "gpt-5-mini*": { input: 0.25, output: 2, cachedInput: 0.025 },
  "gpt-5": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-5-2025*": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-5.1": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-4.1": { input: 2, output: 8, cachedInput: 0.5, maxOutputTokens: 32_768 },
  "gpt-4.1-2025*": { input: 2, output: 8, cachedInput: 0.5, maxOutputTokens: 32_768 },
  "gpt-4.1-nano*": { input: 0.1, output: 0.4, cachedInput: 0.025, maxOutputTokens: 32_768 },
  "gpt-4.1-mini*": { input: 0.4, output: 1.6, cachedInput: 0.1, maxOutputTokens: 32_768 },
  "gpt-4o": { input: 2.5, output: 10, cachedInput: 1.25, maxOutputTokens: 16_384 },
  "gpt-4o-2024*": { input: 2.5, output: 10, cachedInput: 1.25, maxOutputTokens: 16_384 },
  "gpt-4o-mini*": { input: 0.15, output: 0.6, cachedInput: 0.075, maxOutputTokens: 16_384 },
  "text-embedding-3-small": { input: 0.02, output: 0 },
  "text-embedding-3-large": { input: 0.13, output: 0 },
  "claude-fable-5-1*": { input: 10, output: 50, cachedInput: 0.25, cacheWrite: 12.5 },
  "claude-fable-5": { input: 10, output: 50, cachedInput: 1, cacheWrite: 12.5 },
  "claude-opus-5-5*": { input: 4, output: 20, cachedInput: 0.2, cacheWrite: 5 },
  "claude-opus-5*": { input: 5, output: 25, cachedInput: 0.5, cacheWrite: 6.25 },
  // Opus 4 itself, by alias and by date; what came after 4.1 costs a third.
  "claude-opus-4-0*": { input: 15, output: 75, cachedInput: 1.5, cacheWrite: 18.75, maxOutputTokens: 32_000 },
  "claude-opus-4-2025*": { input: 15, output: 75, cachedInput: 1.5, cacheWrite: 18.75, maxOutputTokens: 32_000 },
  "claude-opus-4-1*": { input: 15, output: 75, cachedInput: 1.5, cacheWrite: 18.75, maxOutputTokens: 32_000 },
  "claude-opus-4-*": { input: 5, output: 25, cachedInput: 0.5, cacheWrite: 6.25 },
  "claude-sonnet-5-5*": { input: 2, output: 10, cachedInput: 0.1, cacheWrite: 2.5 },
  "claude-sonnet-5*": { input: 2, output: 10, cachedInput: 0.2, cacheWrite: 2.5 },
  "claude-sonnet-4*": { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75, maxOutputTokens: 64_000 },
  "claude-haiku-5-5*": { input: 0.1, output: 0.5, cachedInput: 0.01, cacheWrite: 0.125 },
  "claude-haiku-4-5*": { input: 1, output: 5, cachedInput: 0.1, cacheWrite: 1.25, maxOutputTokens: 64_000 },
  "gemini-2.5-flash-lite*": { input: 0.1, output: 0.4, cachedInput: 0.01, maxOutputTokens: 65_536 },
  "gemini-2.5-flash*": { input: 0.3, output: 2.5, cachedInput: 0.03, maxOutputTokens: 65_536 },
  "gemini-2.5-pro*": { input: 1.25, output: 10, cachedInput: 0.125, maxOutputTokens: 65_536 },
})

/** When the list above was last gone through. */
export const pricesAsOf = "2026-11"

/** What these tokens cost in US dollars. */
export function usdOf(price: Price, usage: Usage): number {
  const fresh = Math.max(0, usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens)
  const micros =
    fresh * price.input +
    usage.cachedInputTokens * (price.cachedInput ?? price.input) +
    usage.cacheWriteTokens * (price.cacheWrite ?? price.input) +
    usage.outputTokens * price.output
  return micros / 1_000_000
}
