import type { FetchInput } from "../request.ts"

/** Why a request is not sent, or not sent on, by our own decision: asking again changes nothing. */
export class RefusedHere extends Error {
  readonly code: "redirected" | "invalid-request"

  constructor(code: RefusedHere["code"], message: string) {
    super(message)
    this.name = "RefusedHere"
    this.code = code
  }
}

/** Whether the platform makes this object at all: it throws for a header or a request that can never be sent. */
export function isBuilt(build: () => unknown): boolean {
  try {
    build()
    return true
  } catch {
    return false
  }
}

/** `fetch` says no by a `TypeError` too when a request can never be built (a method that is none, a body with GET). */
export function refusedByFetch(error: unknown, input: FetchInput, init: RequestInit): unknown {
  const isConnection = !(error instanceof TypeError) || error.cause !== undefined || error.message === "fetch failed"
  if (isConnection || isBuilt(() => new Request(input instanceof Request ? input.url : input, init))) return error
  return new RefusedHere("invalid-request", `the request cannot be built: ${error.message}`)
}
