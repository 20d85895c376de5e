import { errorStatus } from "./error-status.ts"
import { at, textAt } from "./json-path.ts"
import type { VendorAnswer, Vendor } from "../vendor.ts"

/** What a router sends when the vendor behind it has hung up. */
export const emptyAnswer: VendorAnswer = {
  status: 502,
  // Not as the module is loaded: to name `Headers` makes Node load all of undici.
  get headers() {
    return new Headers()
  },
  body: { error: { type: "server_error", code: "empty-answer", message: "HTTP 200, and no answer in it." } },
}

/** The error that an answer of HTTP 200 is: the vendor's own, `error: true`, or that there is nothing in it. */
export function errorInside(vendor: Vendor, body: unknown): VendorAnswer | undefined {
  if (vendor.takesAnything) return undefined
  if (at(body, "error") === true) {
    const message = textAt(body, "message") ?? "HTTP 200, and in it only that there was an error."
    return { status: errorStatus(body), headers: new Headers(), body: { error: { message } } }
  }
  return vendor.hiddenError?.(body) ?? (isNothing(body) ? emptyAnswer : undefined)
}

// `{ choices: [{}] }` and the like; what is nested deeper is something.
const deepest = 4

function isNothing(body: unknown, depth = 0): boolean {
  if (body === undefined || typeof body === "string") return false
  if (typeof body !== "object" || body === null) return true
  return Object.values(body).every(
    (each) => each === null || (typeof each === "object" && depth < deepest && isNothing(each, depth + 1)),
  )
}
