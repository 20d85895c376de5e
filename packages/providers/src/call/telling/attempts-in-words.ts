/**
 * How a call went before its last answer.
 *
 * @example
 * ```ts
 * attemptsInWords(20, 20, 598_000) // => "20 refusals in 9:58"
 * ```
 */
export function attemptsInWords(made: number, refusals: number, ms: number): string {
  const seconds = Math.round(ms / 1_000)
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
  if (refusals === made) return `${made} refusals in ${time}`
  const refused = refusals === 0 ? "" : `, ${refusals} of them refused,`
  return `${made} attempts${refused} in ${time}`
}
