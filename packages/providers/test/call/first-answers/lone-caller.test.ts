import { startVendor, type VendorServer, type VendorOptions } from "@sluice/lab"
import { afterEach, describe, expect, it } from "vitest"
import { limitedFetch, type LimitedFetchOptions } from "../../../src/index.ts"

let vendor: VendorServer | undefined
afterEach(async () => {
  await vendor?.stop()
  vendor = undefined
})

/** How long `count` calls take, one after the other, over real HTTP. */
async function oneAfterTheOther(
  headers: VendorOptions["headers"],
  options: LimitedFetchOptions,
  count: number,
): Promise<number> {
  vendor = await startVendor({
    limits: { requests: 600 },
    latency: { baseMs: 20, perOutputTokenMs: 0 },
    ...(headers && { headers }),
  })
  const path = headers === "anthropic" ? "/v1/messages" : "/v1/chat/completions"
  const fetch = limitedFetch(options)
  const startMs = performance.now()
  for (let i = 0; i < count; i++) {
    const response = await fetch(`${vendor.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer k", "x-api-key": "k" },
      body: JSON.stringify({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] }),
      signal: AbortSignal.timeout(10_000),
    })
    expect(response.status).toBe(200)
    await response.text()
  }
  return performance.now() - startMs
}

// A single caller is held back by nobody: not by what a first answer's headers teach, and not by a ramp that nobody is behind.
describe("a single caller over HTTP, one call after the other", () => {
  for (const [headers, options] of [
    ["openai", {}],
    ["anthropic", {}],
    ["none", {}],
    ["openai", { requestsPerMinute: 600 }],
  ] as const) {
    it(`${headers} headers, told ${JSON.stringify(options)}`, async () => {
      expect(await oneAfterTheOther(headers, options, 8)).toBeLessThan(5_000)
    })
  }
})
