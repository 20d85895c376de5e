import { onAbort } from "@sluice/scheduler"
import type { ResponseCache } from "./response-cache.ts"

interface Flight {
  readonly answer: Promise<unknown>
  /** Nobody waits any more. */
  readonly abandon: (reason: unknown) => void
  sharers: number
}

const flights = new WeakMap<ResponseCache, Map<string, Flight>>()

/**
 * The answer to `request`: from the cache, from an identical call that is in flight, or from `call`.
 *
 * `request` is plain data that determines the answer (model, messages, temperature, …). Errors are not cached. A shared
 * call is aborted when all who wait for it have aborted; each of them rejects with its own `signal.reason` at once.
 *
 * @example
 * ```ts
 * const cache = openJournal({ path: ":memory:" }).responses
 * const ask = () => cachedCall(cache, { model: "m", prompt: "Why?" }, async () => "because")
 * await Promise.all([ask(), ask()]) // => ["because", "because"]
 * ```
 */
export async function cachedCall<T>(
  cache: ResponseCache,
  request: unknown,
  call: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  const key = cache.keyOf(request)
  const stored = cache.get(key)
  if (stored !== undefined) return stored as T
  let inFlight = flights.get(cache)
  if (!inFlight) flights.set(cache, (inFlight = new Map()))
  const known = inFlight.get(key)
  const flight = known ?? start(cache, inFlight, key, call)
  flight.sharers++
  return (await share(flight, signal)) as T
}

function start(
  cache: ResponseCache,
  inFlight: Map<string, Flight>,
  key: string,
  call: (signal: AbortSignal) => Promise<unknown>,
): Flight {
  const abort = new AbortController()
  const run = async (): Promise<unknown> => {
    try {
      const value = await call(abort.signal)
      await cache.put(key, value)
      return value
    } finally {
      leave()
    }
  }
  // An abandoned call is forgotten at once, whether it heeds its signal or not: the next caller starts anew.
  const leave = (): void => {
    if (inFlight.get(key) === flight) inFlight.delete(key)
  }
  const abandon = (reason: unknown): void => {
    leave()
    abort.abort(reason)
  }
  const flight: Flight = { answer: Promise.resolve().then(run), abandon, sharers: 0 }
  flight.answer.catch(() => {}) // Every sharer hears of it; when all have left, nobody needs to.
  inFlight.set(key, flight)
  return flight
}

function share(flight: Flight, signal: AbortSignal | undefined): Promise<unknown> {
  if (!signal) return flight.answer
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      reject(signal.reason as Error)
      if (--flight.sharers === 0) flight.abandon(signal.reason)
    }
    const forget = onAbort(signal, leave)
    flight.answer.then(resolve, reject).finally(forget)
  })
}
