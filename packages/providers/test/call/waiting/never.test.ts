import type { ServerResponse } from "node:http"
import { GoogleGenAI } from "@google/genai"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import {
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  type LimitedFetchOptions,
  openaiOptions,
} from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const error = {
  code: 429,
  status: "RESOURCE_EXHAUSTED",
  message:
    "You exceeded your current quota. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-2.5-pro",
  details: [
    {
      "@type": "type.googleapis.com/google.rpc.QuotaFailure",
      violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier", quotaMetric: "free_tier_requests" }],
    },
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34s" },
  ],
}
const fine = { candidates: [], choices: [{}], usageMetadata: { promptTokenCount: 1 } }

/** Answers as Gemini does to who has no quota for its "pro" models at all. */
function answer(response: ServerResponse, model: string): void {
  const isNever = model.includes("pro")
  response.writeHead(isNever ? 429 : 200, { "content-type": "application/json" })
  response.end(JSON.stringify(isNever ? { error } : fine))
}

type Ask = (model: string, text: string) => Promise<string>
const end = (asked: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(asked).then(
    () => "ok",
    (thrown: Error) => thrown.message,
  )
const clients: Readonly<Record<string, (url: string, limited: LimitedFetch) => Ask>> = {
  "Gemini's SDK": (url, limited) => {
    const google = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, ...googleOptions(limited) } })
    return (model, contents) => end(google.models.generateContent({ model, contents }))
  },
  "OpenAI's SDK at Gemini's OpenAI endpoint": (url, limited) => {
    const openai = new OpenAI({ baseURL: `${url}/v1beta/openai`, apiKey: "k", ...openaiOptions(limited) })
    return (model, content) => end(openai.chat.completions.create({ model, messages: [{ role: "user", content }] }))
  },
}

describe.each(Object.entries(clients))("a limit of 0 stands for never: %s", (_name, client) => {
  it.each<[string, LimitedFetchOptions]>([
    ["told nothing", {}],
    ["told to pause where a day is spent", { onExhausted: "pause" }],
    ["told a limit", { requestsPerMinute: 600 }],
  ])("%s: one call, and the vendor's own error for everybody who asks for that model", async (_told, options) => {
    const server = await scriptedServer((n, response) => {
      answer(response, server.calls[n]!.path + server.calls[n]!.body)
    })
    const limited = limitedFetch(options)
    const ask = client(server.url, limited)
    const first = await ask("gemini-2.5-pro", "first")
    expect(first).toContain("limit: 0")
    const others = await Promise.all(Array.from({ length: 20 }, (_, n) => ask("gemini-2.5-pro", `text ${n}`)))
    expect(others).toEqual(Array.from({ length: 20 }, () => first))
    expect(server.calls).toHaveLength(1)
    expect(await ask("gemini-2.5-flash", "hi")).toBe("ok")
    await limited.close()
  })

  it.each<[string, LimitedFetchOptions, number]>([
    ["told that all may run at once", { concurrency: 20 }, 20],
    ["told that three may", { concurrency: 3 }, 3],
    ["told nothing, where few are tried without an answer", {}, 20],
  ])("twenty at once, %s: what has left before the first answer, none of it again", async (_told, options, sent) => {
    const held: (() => void)[] = []
    const server = await scriptedServer((_n, response) => held.push(() => answer(response, "pro")))
    const limited = limitedFetch(options)
    const ask = client(server.url, limited)
    const asked = Promise.all(Array.from({ length: 20 }, (_, n) => ask("gemini-2.5-pro", `text ${n};`)))
    // Nothing is answered before everything that may start has arrived.
    await vi.waitFor(() => {
      const [quota] = limited.snapshot()
      expect(quota!.waiting + quota!.inFlight).toBe(20)
      expect(held).toHaveLength(inFlight(limited))
      expect(held).toHaveLength(sent)
    }, 30_000)
    for (const release of held) release()
    const ends = await asked
    expect(ends).toHaveLength(20)
    for (const one of ends) expect(one).toContain("limit: 0")
    // Each of those that had left once, and nobody after them.
    expect(server.calls).toHaveLength(sent)
    expect(new Set(server.calls.map(({ body }) => /text \d+;/.exec(body)?.[0])).size).toBe(sent)
    expect(await ask("gemini-2.5-pro", "later")).toContain("limit: 0")
    expect(server.calls).toHaveLength(sent)
    await limited.close()
  })
})
