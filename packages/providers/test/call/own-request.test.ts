import { afterEach, expect, it, vi } from "vitest"
import { limitedFetch } from "../../src/index.ts"

afterEach(() => vi.unstubAllGlobals())

const call = async (fetch: typeof globalThis.fetch): Promise<number> =>
  (await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body: '{"model":"m"}' })).status
const ok = { fetch: async () => new Response("{}") }

// `pnpm check:pack` does the same in workerd itself.
it("one that was made outside of all requests of a Worker says so at its first call", async () => {
  const inRequest = globalThis.AbortController
  vi.stubGlobal("AbortController", function () {
    throw new Error("Disallowed operation called within global scope.")
  })
  const fetch = limitedFetch(ok)
  vi.stubGlobal("AbortController", inRequest)
  await expect(call(fetch)).rejects.toThrow("belongs to one request")
})

it("one that was made in another request says so, and works in its own", async () => {
  let isOwn = true
  vi.stubGlobal(
    "AbortController",
    class {
      readonly signal = {
        get aborted() {
          if (isOwn) return false
          throw new Error("Cannot perform I/O on behalf of a different request.")
        },
      }
    },
  )
  const fetch = limitedFetch(ok)
  vi.unstubAllGlobals()
  expect(await call(fetch)).toBe(200)
  isOwn = false
  await expect(call(fetch)).rejects.toMatchObject({
    code: "usage",
    cause: { message: expect.stringContaining("different request") },
  })
})
