/** Characters per token of the lab's vendors: fixed, so that everybody can compute the truth beforehand. */
export const CHARACTERS_PER_TOKEN = 4

/**
 * How many tokens a lab vendor counts for a text: UTF-16 code units divided by four, rounded up.
 * Real vendors count otherwise; this one is exact, so that an estimate can be compared with a known truth.
 *
 * @example
 * ```ts
 * countTokens("Hello, lab!") // => 3
 * ```
 */
export function countTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN)
}

/** The beginning of a text that fits into so many tokens. Never cuts a surrogate pair in half. */
export function cutToTokens(text: string, maxTokens: number): string {
  const end = Math.max(0, Math.floor(maxTokens)) * CHARACTERS_PER_TOKEN
  if (text.length <= end) return text
  const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(end - 1))
  return text.slice(0, splitsPair ? end - 1 : end)
}
