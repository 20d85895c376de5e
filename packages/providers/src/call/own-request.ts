import { SluiceError } from "@sluice/core"

/**
 * Remembers the request that a Worker handles now, and returns a check that throws elsewhere. In a Worker (workerd) what one
 * request waits for cannot be woken by another, and its timers end with it: calls of a shared quota would hang. What is made in
 * one request is out of bounds in another there, so an `AbortSignal` tells; outside of all requests none can be made at all.
 * Elsewhere the check never throws.
 */
export function ownRequest(): () => void {
  let signal: AbortSignal | undefined
  let cause: unknown
  try {
    ;({ signal } = new AbortController())
  } catch (error) {
    cause = error
  }
  return () => {
    try {
      if (signal) return void signal.aborted
    } catch (error) {
      cause = error
    }
    throw new SluiceError(
      "usage",
      "In a Worker a limitedFetch belongs to one request: its waits cannot be woken from another. Make it inside the handler, or make it in a Durable Object, which may share it.",
      { cause },
    )
  }
}
