import { at, textAt } from "./json-path.ts"

/** By the vendors' own names: Anthropic's error types and `google.rpc.Code`. */
const byName: ReadonlyMap<string, number> = new Map([
  ["invalid_request_error", 400],
  ["authentication_error", 401],
  ["billing_error", 402],
  ["permission_error", 403],
  ["not_found_error", 404],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["api_error", 500],
  ["timeout_error", 504],
  ["overloaded_error", 529],
  ["CANCELLED", 499],
  ["INVALID_ARGUMENT", 400],
  ["DEADLINE_EXCEEDED", 504],
  ["NOT_FOUND", 404],
  ["ALREADY_EXISTS", 409],
  ["PERMISSION_DENIED", 403],
  ["RESOURCE_EXHAUSTED", 429],
  ["FAILED_PRECONDITION", 400],
  ["ABORTED", 409],
  ["OUT_OF_RANGE", 400],
  ["UNIMPLEMENTED", 501],
  ["INTERNAL", 500],
  ["UNAVAILABLE", 503],
  ["DATA_LOSS", 500],
  ["UNAUTHENTICATED", 401],
])

/** By number; 0, which says that all is well, is no error's. Source: google/rpc/code.proto. */
const rpcCodes = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]

/** The name of a `google.rpc.Code`, which its HTTP API writes beside the status of an error. */
export function rpcCodeName(code: unknown): string {
  return (typeof code === "number" ? rpcCodes[code] : undefined) ?? "UNKNOWN"
}

/** By words in a code, a type or a message. */
const byWords: readonly (readonly [RegExp, number])[] = [
  [/rate.?limit|slow_down|too many requests|insufficient_quota|spend_limit/i, 429],
  [/invalid_api_key|unauthori[sz]ed|authentication|api key/i, 401],
  [/overloaded|unavailable|capacity/i, 503],
  [/invalid_request|context_length|content_filter/i, 400],
]

/** The HTTP status of an error that came in the body or stream of an answer whose own status says nothing of it. */
export function errorStatus(error: unknown): number {
  const message = typeof error === "string" ? error : textAt(error, "message")
  for (const name of [at(error, "status_code"), at(error, "code"), at(error, "status"), at(error, "type"), message]) {
    const status = statusNamed(name) ?? statusInWords(name)
    if (status !== undefined) return status
  }
  return 500
}

function statusInWords(name: unknown): number | undefined {
  if (typeof name !== "string") return undefined
  const words = name.slice(0, 300)
  return byWords.find(([pattern]) => pattern.test(words))?.[1]
}

function statusNamed(name: unknown): number | undefined {
  if (typeof name === "string") return byName.get(name) ?? (/^[45]\d\d$/.test(name) ? Number(name) : undefined)
  if (typeof name !== "number" || !Number.isInteger(name)) return undefined
  if (name >= 400 && name <= 599) return name
  return rpcCodes[name] === undefined ? undefined : (byName.get(rpcCodes[name]) ?? 500)
}

/** Whether a field called `error` holds one: gateways also send `null`, `{}` and `""`. */
export function isError(error: unknown): error is object | string {
  if (typeof error === "string") return error !== ""
  if (typeof error !== "object" || error === null) return false
  return ["message", "code", "type", "status"].some((key) => at(error, key) !== undefined && at(error, key) !== null)
}
