import { cachedCall } from "./cached-call.ts"
import { nullable, number, object, text } from "../reader.ts"
import type { ResponseCache } from "./response-cache.ts"

const storedResponse = object<{ status: number; contentType: string | null; body: string }>({
  status: number,
  contentType: nullable(text),
  body: text,
})

/**
 * A `fetch` that answers a POST it has seen before (same method, URL and body; headers do not count and are not stored)
 * from the cache, and makes identical POSTs in flight one call. Put it around `limitedFetch`, so that an answer from the
 * cache costs no permit. Only 2xx answers are stored; bodies are text, and a stream arrives whole.
 *
 * @example
 * ```ts
 * const { responses } = openJournal({ path: ":memory:" })
 * let calls = 0
 * const fetch = cachedFetch(responses, async () => { calls++; return new Response("hi") })
 * const ask = async () => (await fetch("https://api.test/v1", { method: "POST", body: "{}" })).text()
 * ;[await ask(), await ask(), calls] // => ["hi", "hi", 1]
 * ```
 */
export function cachedFetch(cache: ResponseCache, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase()
    if (method !== "POST" || typeof init?.body !== "string") return fetch(input, init)
    const url = input instanceof Request ? input.url : String(input)
    const { signal: outer, ...rest } = init
    try {
      const stored = await cachedCall(
        cache,
        { method, url, body: init.body },
        async (signal) => {
          const response = await fetch(input, { ...rest, signal })
          if (!response.ok) throw new Uncached(response)
          return {
            status: response.status,
            contentType: response.headers.get("content-type"),
            body: await response.text(),
          }
        },
        outer ?? undefined,
      )
      const { status, contentType, body } = storedResponse(stored)
      return new Response(body, { status, headers: contentType === null ? {} : { "content-type": contentType } })
    } catch (error) {
      if (error instanceof Uncached) return error.response.clone()
      throw error
    }
  }
}

/** Carries an answer that must not be stored past the cache. */
class Uncached extends Error {
  readonly response: Response

  constructor(response: Response) {
    super("not cached")
    this.response = response
  }
}
