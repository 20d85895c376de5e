/**
 * Whether a refusal's words say that too many calls run at once, and not that they come too fast.
 *
 * @example
 * ```ts
 * wantsPlaces("You have exceeded the maximum number of concurrent requests.") // => true
 * ```
 */
export function wantsPlaces(words: string): boolean {
  return /\bconcurren(t|cy)|\bsimultaneous|\bin parallel\b|\bparallel (calls|requests)\b/i.test(words)
}
