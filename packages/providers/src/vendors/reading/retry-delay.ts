import { errorOf, errorText } from "./error-text.ts"
import { goDuration } from "./go-duration.ts"
import { at, textAt } from "./json-path.ts"

/** A delay beyond this is taken for garbage: no vendor closes a quota for longer than a day. */
export const longestTrustedDelayMs = 86_400_000

const seconds = /^\d{1,15}(?:\.\d{1,15})?$/
const hint = /(?:try again|retry|retrying) (?:in|after) ((?:\d{1,15}(?:\.\d{1,15})?(?:h|ms|m|s)){1,4})\b/i
const hintInWords =
  /(?:try again|retry|retrying|wait) (?:in |after |for )?(\d{1,15}(?:\.\d{1,15})?) ?(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?)\b/i
const unitMs: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
])

/**
 * What the vendor's clock said as it refused. A date of its is meant by that clock, which may be minutes from ours.
 *
 * Source: RFC 9110 §6.6.1.
 */
export function vendorNow(headers: Headers, nowWallMs: number): number {
  return dateIn(headers.get("date") ?? "") || nowWallMs
}

/**
 * The vendor's own delay before the next call, in milliseconds, from headers alone:
 * `retry-after-ms`, `x-ms-retry-after-ms`, then `retry-after` in seconds or as a date, which counts from the answer's own `date`.
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
  const delayMs = dateIn(value.trim()) - vendorNow(headers, nowWallMs)
  return delayMs > 0 ? trusted(delayMs) : undefined
}

/** HTTP knows three forms of dates, and all of them are GMT, also the one that does not say so (asctime). */
function dateIn(text: string): number {
  if (text.length > 100 || !/[a-z]/i.test(text)) return Number.NaN
  return Date.parse(/[a-z]{3} [a-z]{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/i.test(text) ? `${text} GMT` : text)
}

/**
 * The same, and what the body says where headers do not: the headers that a router passes on in it, Google's `RetryInfo`, words
 * such as "Please try again in 634ms". At last `x-ratelimit-reset`, the moment of a window's end.
 */
export function toldDelay(headers: Headers, body: unknown, nowWallMs: number): number | undefined {
  const passedOn = headersIn(at(errorOf(body), "metadata", "headers"), headers)
  return (
    retryDelay(headers, nowWallMs) ??
    (passedOn && retryDelay(passedOn, nowWallMs)) ??
    retryInfo(body) ??
    delayInMessage(errorText(body)) ??
    windowEnd(headers, nowWallMs) ??
    (passedOn && windowEnd(passedOn, nowWallMs))
  )
}

/** The delay that an error message names: "Please try again in 634ms", "retry after 20 seconds". */
export function delayInMessage(message: string): number | undefined {
  const read = message.slice(0, 10_000)
  const inWords = hintInWords.exec(read)
  if (inWords) {
    const unit = inWords[2]!.toLowerCase()
    const perUnit = unitMs.get(unit === "ms" || unit.startsWith("milli") ? "ms" : unit[0]!)
    return trusted(Number(inWords[1]) * (perUnit ?? Number.NaN))
  }
  const found = hint.exec(read)
  return found ? trusted(goDuration(found[1]!.toLowerCase())) : undefined
}

function retryInfo(body: unknown): number | undefined {
  const details = at(errorOf(body), "details")
  const info = Array.isArray(details)
    ? details.find((one) => textAt(one, "@type")?.endsWith("google.rpc.RetryInfo"))
    : undefined
  return trusted(goDuration((textAt(info, "retryDelay") ?? "").slice(0, 100)))
}

/** OpenRouter's is a moment in milliseconds, others give seconds since 1970 or from now. */
function windowEnd(headers: Headers, nowWallMs: number): number | undefined {
  const value = headers.get("x-ratelimit-reset")
  if (value === null || !seconds.test(value)) return undefined
  const told = Number(value)
  const now = vendorNow(headers, nowWallMs)
  const delayMs = told > 1e11 ? told - now : told > 1e8 ? told * 1000 - now : told * 1000
  return delayMs > 0 ? trusted(delayMs) : undefined
}

/** Without a date of their own they are of the moment of those `around` them. */
function headersIn(fields: unknown, around: Headers): Headers | undefined {
  if (typeof fields !== "object" || fields === null) return undefined
  const headers = new Headers({ date: around.get("date") ?? "" })
  for (const name of ["date", "retry-after-ms", "retry-after", "x-ratelimit-reset"]) {
    const key = Object.keys(fields).find((one) => one.toLowerCase() === name)
    const value = key === undefined ? undefined : at(fields, key)
    if ((typeof value === "string" || typeof value === "number") && /^[\w ,:.+-]{1,100}$/.test(String(value)))
      headers.set(name, String(value))
  }
  return headers
}

function trusted(delayMs: number | undefined): number | undefined {
  return delayMs !== undefined && delayMs >= 0 && delayMs <= longestTrustedDelayMs ? delayMs : undefined
}
