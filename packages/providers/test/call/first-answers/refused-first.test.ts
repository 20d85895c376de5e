import type { ServerResponse } from "node:http"
import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropicOptions, limitedFetch, type LimitedFetch, openaiOptions } from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { fastClock, scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const messages = [{ role: "user" as const, content: "hi" }]
type Send = (url: string, limited: LimitedFetch) => PromiseLike<unknown>
const openai: Send = (url, limited) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) }).chat.completions.create({
    model: "m",
    messages,
  })
const anthropic: Send = (url, limited) =>
  new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) }).messages.create({
    model: "m",
    max_tokens: 9,
    messages,
  })
const chat = {
  choices: [{ message: { role: "assistant", content: "fine" } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}
const claude = { content: [{ type: "text", text: "fine" }], usage: { input_tokens: 1, output_tokens: 1 } }

interface Limits {
  readonly limit: number
  readonly remaining: number
  /** As the vendor's header says it. */
  readonly reset: string
}
const openaiHeaders = ({ limit, remaining, reset }: Limits): Record<string, string> => ({
  "x-ratelimit-limit-requests": `${limit}`,
  "x-ratelimit-remaining-requests": `${remaining}`,
  "x-ratelimit-reset-requests": reset,
})
const anthropicHeaders = ({ limit, remaining, reset }: Limits): Record<string, string> => ({
  "anthropic-ratelimit-requests-limit": `${limit}`,
  "anthropic-ratelimit-requests-remaining": `${remaining}`,
  "anthropic-ratelimit-requests-reset": reset,
})

// A limit that is learned from the very answer that refuses is the vendor's own number: it is not searched for from below.
describe("a 429 with headers and no Retry-After, heard first, nothing told", () => {
  it.each<[string, Send, number, number, number, number]>([
    ["OpenAI, 60 a minute, one again in 1 s", openai, 60, 1_000, 900, 1_500],
    ["OpenAI, 3 a minute, one again in 20 s", openai, 3, 20_000, 15_000, 20_500],
    ["OpenAI, 600 a minute, one again in 100 ms", openai, 600, 100, 90, 600],
    ["Anthropic, 5 a minute, full again in 2 s", anthropic, 5, 2_000, 1_000, 2_500],
    // The reset is when all of it is back; a bucket of 50 a minute has room for one long before.
    ["Anthropic, 50 a minute, full again in 10 s", anthropic, 50, 10_000, 1_000, 10_000],
  ])("%s: everybody waits until a call fits, and no longer", async (_name, send, limit, resetMs, leastMs, mostMs) => {
    const clock = fastClock(50)
    const isClaude = send === anthropic
    const moment = (ms: number): string =>
      isClaude ? new Date(clock.wallNow() + ms).toISOString() : ms >= 1_000 ? `${ms / 1_000}s` : `${ms}ms`
    const headersOf = isClaude ? anthropicHeaders : openaiHeaders
    const server = await scriptedServer((n, response: ServerResponse) => {
      const limits = headersOf({ limit, remaining: n === 0 ? 0 : 1, reset: moment(resetMs) })
      response.writeHead(n === 0 ? 429 : 200, { "content-type": "application/json", ...limits })
      response.end(JSON.stringify(n === 0 ? { error: { message: "Rate limit reached" } } : isClaude ? claude : chat))
    }, clock)
    const gates: { closedMs: number; waitMs: number }[] = []
    const limited = limitedFetch({
      clock,
      onEvent: (event) => {
        if (event.type === "gate-close") gates.push({ closedMs: event.atMs, waitMs: event.untilMs - event.atMs })
      },
    })
    await send(server.url, limited)
    expect(gates).toHaveLength(1)
    const [{ closedMs, waitMs }] = gates as [(typeof gates)[0]]
    expect(waitMs).toBeGreaterThanOrEqual(leastMs)
    expect(waitMs).toBeLessThanOrEqual(mostMs)
    expect(server.calls).toHaveLength(2)
    expect(server.calls[1]!.atMs - closedMs).toBeGreaterThanOrEqual(leastMs)
    // The number is kept as the vendor said it.
    expect(limited.snapshot()[0]!.limits).toMatchObject([{ dimension: "requests", limit }])
    expect(inFlight(limited)).toBe(0)
    await limited.close()
  })
})
