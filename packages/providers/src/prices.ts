import type { Usage } from "./vendor.ts"

/** US dollars per million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
  /** Read from the vendor's cache; default: as input. */
  readonly cachedInput?: number
  /** Written to the vendor's cache; default: as input. */
  readonly cacheWrite?: number
}

/** Prices by model or pattern (`claude-haiku-*`). */
export type Prices = Readonly<Record<string, Price>>

/**
 * List prices as the vendors' pages gave them. They age: pass `prices` to override any of them.
 * A model that is not listed has no price, and is accounted in tokens alone.
 */
export const prices: Prices = Object.freeze({
  "gpt-5-nano*": { input: 0.05, output: 0.4, cachedInput: 0.005 },
  "gpt-5-mini*": { input: 0.25, output: 2, cachedInput: 0.025 },
  "gpt-5*": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-4.1-nano*": { input: 0.1, output: 0.4, cachedInput: 0.025 },
  "gpt-4.1-mini*": { input: 0.4, output: 1.6, cachedInput: 0.1 },
  "gpt-4.1*": { input: 2, output: 8, cachedInput: 0.5 },
  "gpt-4o-mini*": { input: 0.15, output: 0.6, cachedInput: 0.075 },
  "gpt-4o*": { input: 2.5, output: 10, cachedInput: 1.25 },
  "text-embedding-3-small": { input: 0.02, output: 0 },
  "text-embedding-3-large": { input: 0.13, output: 0 },
  "claude-haiku-4-5*": { input: 1, output: 5, cachedInput: 0.1, cacheWrite: 1.25 },
  "claude-sonnet-4*": { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 },
  "claude-opus-4-5*": { input: 5, output: 25, cachedInput: 0.5, cacheWrite: 6.25 },
  "gemini-2.5-flash-lite*": { input: 0.1, output: 0.4, cachedInput: 0.01 },
  "gemini-2.5-flash*": { input: 0.3, output: 2.5, cachedInput: 0.03 },
  "gemini-2.5-pro*": { input: 1.25, output: 10, cachedInput: 0.125 },
})

/** When the list above was compiled. */
export const pricesAsOf = "2025-12"

/** What these tokens cost in US dollars. */
export function usdOf(price: Price, usage: Usage): number {
  const fresh = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens
  const micros =
    fresh * price.input +
    usage.cachedInputTokens * (price.cachedInput ?? price.input) +
    usage.cacheWriteTokens * (price.cacheWrite ?? price.input) +
    usage.outputTokens * price.output
  return micros / 1_000_000
}
