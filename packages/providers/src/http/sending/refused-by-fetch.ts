import { isBuilt } from "./is-built.ts"
import { RefusedHere } from "./refused-here.ts"
import type { FetchInput } from "../request.ts"

/** `fetch` says no by a `TypeError` too when a request can never be built (a method that is none, a body with GET). */
export function refusedByFetch(error: unknown, input: FetchInput, init: RequestInit): unknown {
  const isConnection = !(error instanceof TypeError) || error.cause !== undefined || error.message === "fetch failed"
  if (isConnection || isBuilt(() => new Request(input instanceof Request ? input.url : input, init))) return error
  return new RefusedHere("invalid-request", `the request cannot be built: ${error.message}`)
}
