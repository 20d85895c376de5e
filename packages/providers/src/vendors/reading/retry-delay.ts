import { goDuration } from "./go-duration.ts"

/** A delay beyond this is taken for garbage: no vendor closes a quota for longer than a day. */
export const longestTrustedDelayMs = 86_400_000

const seconds = /^\d+(?:\.\d+)?$/
const hint = /(?:try again|retry|retrying) (?:in|after) ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)\b/i
const hintInSeconds = /(?:try again|retry|retrying) (?:in|after) (\d+(?:\.\d+)?) ?sec/i

/**
 * The vendor's own delay before the next call, in milliseconds, from headers alone:
 * `retry-after-ms`, `x-ms-retry-after-ms`, then `retry-after` in seconds or as a date.
 * Garbage (negative, not a number, a date in the past, more than a day) is `undefined`, so that it never stalls a queue.
 *
 * Source: RFC 9110 §10.2.3; the header order of OpenAI's, Anthropic's and Azure's SDKs, read 2026-11.
 *
 * @example
 * ```ts
 * retryDelay(new Headers({ "retry-after": "90" }), Date.now()) // => 90000
 * ```
 */
export function retryDelay(headers: Headers, nowWallMs: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const value = headers.get(name)
    if (value !== null && seconds.test(value)) return trusted(Number(value))
  }
  const value = headers.get("retry-after")
  if (value === null) return undefined
  if (seconds.test(value)) return trusted(Number(value) * 1000)
  const at = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return at > nowWallMs ? trusted(at - nowWallMs) : undefined
}

/** The delay that an error message names: "Please try again in 634ms". */
export function delayInMessage(message: string): number | undefined {
  const inSeconds = hintInSeconds.exec(message)
  if (inSeconds) return trusted(Number(inSeconds[1]) * 1000)
  const found = hint.exec(message)
  return found ? trusted(goDuration(found[1]!)) : undefined
}

function trusted(delayMs: number | undefined): number | undefined {
  return delayMs !== undefined && delayMs >= 0 && delayMs <= longestTrustedDelayMs ? delayMs : undefined
}
