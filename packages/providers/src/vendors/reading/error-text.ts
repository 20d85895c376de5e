import { isError } from "./error-status.ts"
import { at, textAt } from "./json-path.ts"

// Vendors' sentences are short; what is longer quotes a prompt.
const longestRead = 4_000

/**
 * What a body says went wrong, under the names of vendors, gateways and web frameworks: `{ error }`, `{ errors: [] }`, `{ detail }`,
 * `{ error: { error } }`, the first of a list of those; else the body itself.
 */
export function errorOf(body: unknown): unknown {
  const whole = Array.isArray(body) ? (body[0] as unknown) : body
  const named = at(whole, "error") ?? at(whole, "errors") ?? at(whole, "detail")
  const found = Array.isArray(named) ? (named[0] as unknown) : named
  const inner = isError(found) ? undefined : at(found, "error")
  return inner ?? (found === true ? whole : found) ?? whole
}

/** The same in words, at most 4,000 characters of them; what the vendor behind a router said comes after the router's own. */
export function errorText(body: unknown): string {
  const error = errorOf(body)
  const parts = [
    typeof error === "string" ? error : (textAt(error, "message") ?? textAt(error, "msg") ?? textAt(body, "message")),
    textAt(error, "metadata", "raw"),
  ]
  return parts
    .filter((part) => part !== undefined)
    .map((part) => part.slice(0, longestRead))
    .join(" ")
}

/** An error of Google's APIs, whatever protocol the call spoke: Gemini's and Vertex's endpoints for OpenAI's, Claude on Vertex. */
export function isGoogleError(body: unknown): boolean {
  return /^[A-Z]{2,20}(?:_[A-Z]{2,20}){0,3}$/.test(textAt(errorOf(body), "status") ?? "")
}
