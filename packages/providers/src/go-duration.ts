const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
}
const shape = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/
const part = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g

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
  if (text === "" || !shape.test(text)) return undefined
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(part)) totalMs += Number(amount) * unitMs[unit as string]!
  return Number.isFinite(totalMs) ? totalMs : undefined
}
