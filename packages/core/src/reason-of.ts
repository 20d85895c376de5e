import { SluiceError } from "./errors.ts"

/** What was thrown, in words: anything may be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const deepest = 8

/**
 * Why something failed, in one line. SDKs wrap what a `fetch` threw in words of their own ("Connection error."): what Sluice said
 * below them stands beside these. Of a vendor's answer that a `fetch` of ours gave up on, how often and how long it had tried.
 */
export function reasonOf(error: unknown): string {
  let words = messageOf(error)
  let cause = error
  for (let depth = 0; depth < deepest && cause instanceof Error; depth++, cause = cause.cause) {
    const tried = attemptsOf(cause)
    if (tried !== undefined) return words.includes(tried) ? words : `${words} (${tried})`
    if (!SluiceError.isInstance(cause)) continue
    if (!words.includes(cause.message)) words = `${words.replace(/\.$/, "")}: ${cause.message}`
    return words
  }
  return words
}

/** What `limitedFetch` writes on the last answer, where SDKs keep its headers. */
function attemptsOf(error: Error): string | undefined {
  const { headers, responseHeaders } = error as { readonly headers?: unknown; readonly responseHeaders?: unknown }
  return [headers, responseHeaders].map(attemptsIn).find((each) => typeof each === "string")
}

function attemptsIn(headers: unknown): unknown {
  if (typeof headers !== "object" || headers === null) return undefined
  const name = "x-sluice-attempts"
  try {
    return headers instanceof Headers ? headers.get(name) : (headers as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}
