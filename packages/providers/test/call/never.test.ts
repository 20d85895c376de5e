import { GoogleGenAI } from "@google/genai"
import OpenAI from "openai"
import { expect, it } from "vitest"
import { googleOptions, limitedFetch, openaiOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

const message =
  "You exceeded your current quota. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-2.5-pro"

it("a limit of 0 stands for never: one call, and the vendor's own error for everybody who asks for that model", async () => {
  const server = await scriptedServer((n, response) => {
    const isNever = server.calls[n]!.path.includes("pro") || server.calls[n]!.body.includes("pro")
    response.writeHead(isNever ? 429 : 200, { "content-type": "application/json" })
    const violation = {
      quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
      quotaMetric: "free_tier_requests",
    }
    const error = {
      code: 429,
      status: "RESOURCE_EXHAUSTED",
      message,
      details: [
        { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [violation] },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34s" },
      ],
    }
    const answer = { candidates: [], choices: [], usageMetadata: { promptTokenCount: 1 } }
    response.end(JSON.stringify(isNever ? { error } : answer))
  })
  const fetch = limitedFetch({ onExhausted: "pause" })
  const google = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: server.url, ...googleOptions(fetch) } })
  const ask = (model: string): Promise<string> =>
    google.models.generateContent({ model, contents: "hi" }).then(
      () => "ok",
      (error: Error) => error.message,
    )
  const first = await ask("gemini-2.5-pro")
  expect(first).toContain("limit: 0")
  expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ask("gemini-2.5-pro"))))).toEqual(new Set([first]))
  expect(server.calls).toHaveLength(1)
  expect(await ask("gemini-2.5-flash")).toBe("ok")

  // The same through its OpenAI endpoint, all at once.
  const openai = new OpenAI({ baseURL: `${server.url}/v1beta/openai`, apiKey: "k", ...openaiOptions() })
  const before = server.calls.length
  const asked = Array.from({ length: 20 }, () =>
    openai.chat.completions.create({ model: "gemini-2.5-pro", messages: [] }).catch((error: Error) => error.message),
  )
  for (const ended of await Promise.all(asked)) expect(ended).toContain("limit: 0")
  expect(server.calls.length - before).toBeLessThanOrEqual(20)
  await openai.chat.completions.create({ model: "gemini-2.5-pro", messages: [] }).catch(() => {})
  expect(server.calls.length - before).toBeLessThanOrEqual(20)
})
