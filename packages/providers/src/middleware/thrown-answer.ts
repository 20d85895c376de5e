import { jsonOrText } from "../http/json-or-text.ts"
import { at, textAt } from "../vendors/reading/json-path.ts"
import type { VendorAnswer } from "../vendors/vendor.ts"

/**
 * The vendor's answer behind what a model threw: the AI SDK's `APICallError`, the SDKs' own errors, AWS's. `undefined` where
 * there was none.
 */
export function thrownAnswer(error: unknown): VendorAnswer | undefined {
  const status = at(error, "statusCode") ?? at(error, "status") ?? at(error, "$metadata", "httpStatusCode")
  if (typeof status !== "number") return undefined
  const headers = at(error, "responseHeaders") ?? at(error, "headers") ?? at(error, "$response", "headers")
  const told = { code: textAt(error, "code") ?? textAt(error, "name"), message: textAt(error, "message") }
  return {
    status,
    headers: headersOf(headers),
    body: jsonOrText(textAt(error, "responseBody") ?? "") ?? { error: told },
  }
}

/** Headers as an answer has them, whoever kept them. */
export function headersOf(headers: unknown): Headers {
  if (headers instanceof Headers) return headers
  const found = new Headers()
  if (typeof headers !== "object" || headers === null) return found
  for (const [name, value] of Object.entries(headers)) if (typeof value === "string") found.set(name, value)
  return found
}
