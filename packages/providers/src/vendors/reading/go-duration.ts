const unitMs: ReadonlyMap<string, number> = new Map([
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
  ["us", 0.001],
  ["µs", 0.001],
  ["ns", 0.000_001],
])
const plainNumber = /^\d+(?:\.\d+)?$/

/**
 * Milliseconds of a duration as Go prints it: OpenAI's `x-ratelimit-reset-*` (`1s`, `6m0s`, `120ms`).
 * Anything else is `undefined`, never a guess.
 *
 * Source: OpenAI, rate limits guide, read 2026-11.
 *
 * @example
 * ```ts
 * goDuration("6m0s") // => 360000
 * goDuration("soon") // => undefined
 * ```
 */
export function goDuration(text: string): number | undefined {
  let totalMs = 0
  let at = 0
  while (at < text.length) {
    const from = at
    while (at < text.length && isNumeric(text.charCodeAt(at))) at++
    const amount = text.slice(from, at)
    const unitFrom = at
    while (at < text.length && !isNumeric(text.charCodeAt(at))) at++
    const perUnit = unitMs.get(text.slice(unitFrom, at))
    if (perUnit === undefined || !plainNumber.test(amount)) return undefined
    totalMs += Number(amount) * perUnit
  }
  return at > 0 && Number.isFinite(totalMs) ? totalMs : undefined
}

function isNumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46
}
