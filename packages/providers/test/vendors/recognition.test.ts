import type { ServerResponse } from "node:http"
import { createGateway, generateText } from "ai"
import type { SluiceEvent } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { limitedFetch, type LimitedFetchOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

interface Told {
  readonly model: string
  readonly input: number
  readonly output: number
}

/** Sends `body` to the real address of a vendor, answered by `answer`; says whose quota it used and what was counted. */
async function send(
  url: string,
  body: object,
  answer: Response,
  headers: Record<string, string> = {},
  options: LimitedFetchOptions = {},
): Promise<{ quota: string | undefined; used: Told | undefined; warnings: string[] }> {
  const events: SluiceEvent[] = []
  const fetch = limitedFetch({
    requestsPerMinute: 60,
    onEvent: (event) => events.push(event),
    ...options,
    fetch: async () => answer,
  })
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })
  await response.text()
  const usage = events.find((event) => event.type === "usage")
  const name = fetch.snapshot()[0]?.name.split("/")
  return {
    quota: name && `${name[0]}/${name.slice(2).join("/")}`,
    used: usage && { model: usage.model!, input: usage.cost.inputTokens!, output: usage.cost.outputTokens! },
    warnings: events.filter((event) => event.type === "warning").map(({ code }) => code),
  }
}

const ok = (body: unknown, type = "application/json"): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { headers: { "content-type": type } })

const vertex = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers"
const bedrock = "https://bedrock-runtime.eu-central-1.amazonaws.com/model"
const hi = [{ role: "user", content: "hi" }]
const claude = { content: [{ type: "text", text: "x" }], usage: { input_tokens: 7, output_tokens: 3 } }
const chat = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } }

describe("vendors that are recognised", () => {
  it.each<[string, string, object, unknown, string, string]>([
    [
      "Bedrock, Converse",
      `${bedrock}/amazon.nova-pro-v1%3A0/converse`,
      { messages: [{ role: "user", content: [{ text: "hi" }] }] },
      { output: {}, usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 } },
      "bedrock",
      "amazon.nova-pro-v1:0",
    ],
    [
      "Bedrock, Claude",
      `${bedrock}/anthropic.claude-sonnet-5-v1%3A0/invoke`,
      { anthropic_version: "bedrock-2023-05-31", max_tokens: 5, messages: hi },
      claude,
      "bedrock",
      "anthropic.claude-sonnet-5-v1:0",
    ],
    [
      "Claude on Vertex",
      `${vertex}/anthropic/models/claude-sonnet-5@20260401:rawPredict`,
      { anthropic_version: "vertex-2023-10-16", max_tokens: 5, messages: hi },
      claude,
      "anthropic",
      "claude-sonnet-5@20260401",
    ],
    [
      "Cohere v2",
      "https://api.cohere.com/v2/chat",
      { model: "command-a", messages: hi },
      {
        message: {},
        usage: { billed_units: { input_tokens: 5, output_tokens: 3 }, tokens: { input_tokens: 7, output_tokens: 3 } },
      },
      "cohere",
      "command-a",
    ],
    [
      "Cohere v2, embeddings",
      "https://api.cohere.com/v2/embed",
      { model: "embed-v4", texts: ["hi"], input_type: "search_query" },
      { embeddings: {}, meta: { billed_units: { input_tokens: 7 } } },
      "cohere",
      "embed-v4",
    ],
    [
      "Ollama",
      "http://127.0.0.1:11434/api/chat",
      { model: "llama3", messages: hi, stream: false },
      { message: {}, done: true, prompt_eval_count: 7, eval_count: 3 },
      "ollama",
      "llama3",
    ],
    [
      "Ollama, embeddings",
      "http://127.0.0.1:11434/api/embed",
      { model: "nomic", input: "hi" },
      { embeddings: [[0]], prompt_eval_count: 7 },
      "ollama",
      "nomic",
    ],
    [
      "Gemini's OpenAI endpoint",
      "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
      { model: "gemini-2.5-flash", messages: hi },
      chat,
      "openai-compatible",
      "gemini-2.5-flash",
    ],
    [
      "Vertex's OpenAI endpoint",
      "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
      { model: "google/gemini-2.5-flash", messages: hi },
      chat,
      "openai-compatible",
      "google/gemini-2.5-flash",
    ],
    [
      "Anthropic's OpenAI endpoint",
      "https://api.anthropic.com/v1/chat/completions",
      { model: "claude-sonnet-5", messages: hi },
      chat,
      "openai-compatible",
      "claude-sonnet-5",
    ],
    [
      "OpenRouter's Anthropic endpoint",
      "https://openrouter.ai/api/v1/messages",
      { model: "anthropic/claude", max_tokens: 5, messages: hi },
      claude,
      "anthropic",
      "anthropic/claude",
    ],
  ])("%s", async (_name, url, body, answer, vendor, model) => {
    const { quota, used, warnings } = await send(url, body, ok(answer))
    expect([quota, warnings]).toEqual([`${vendor}/*`, []])
    expect(used).toEqual({ model, input: 7, output: url.includes("embed") ? 0 : 3 })
  })

  it("streams: Ollama's lines, Cohere's events", async () => {
    const lines = `${JSON.stringify({ message: { content: "h" }, done: false })}\n${JSON.stringify({ message: { content: "" }, done: true, prompt_eval_count: 7, eval_count: 3 })}\n`
    const ollama = await send(
      "http://127.0.0.1:11434/api/generate",
      { model: "llama3", prompt: "hi" },
      ok(lines, "application/x-ndjson"),
    )
    expect([ollama.quota, ollama.used]).toEqual(["ollama/*", { model: "llama3", input: 7, output: 3 }])

    const events = [
      { type: "message-start", delta: { message: { role: "assistant" } } },
      { type: "content-delta", index: 0, delta: { message: { content: { text: "hi" } } } },
      {
        type: "message-end",
        delta: { finish_reason: "COMPLETE", usage: { tokens: { input_tokens: 7, output_tokens: 3 } } },
      },
    ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    const cohere = await send(
      "https://api.cohere.com/v2/chat",
      { model: "command-a", messages: hi, stream: true },
      ok(events.join(""), "text/event-stream"),
    )
    expect([cohere.quota, cohere.used]).toEqual(["cohere/*", { model: "command-a", input: 7, output: 3 }])
  })

  it("the AI SDK's gateway, with the AI SDK", async () => {
    const server = await scriptedServer((_n, response) => {
      response.setHeader("content-type", "application/json")
      response.end(
        JSON.stringify({
          content: [{ type: "text", text: "hello" }],
          finishReason: { unified: "stop" },
          usage: { inputTokens: { total: 7 }, outputTokens: { total: 3 } },
          warnings: [],
        }),
      )
    })
    const events: SluiceEvent[] = []
    const fetch = limitedFetch({ concurrency: 1, onEvent: (event) => events.push(event) })
    const gateway = createGateway({ apiKey: "k", baseURL: `${server.url}/v4/ai`, fetch })
    const { text } = await generateText({ model: gateway("openai/gpt-5-mini"), prompt: "hi", maxRetries: 0 })
    expect(text).toBe("hello")
    expect(events.filter((event) => event.type === "usage")).toMatchObject([
      { model: "openai/gpt-5-mini", cost: { inputTokens: 7, outputTokens: 3 } },
    ])
    expect(fetch.snapshot().map(({ name }) => name.split("/")[0])).toEqual(["ai-gateway"])
  })
})

describe("what is told is kept", () => {
  const paths = [
    "/model/m/converse",
    "/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict",
    "/v2/chat",
    "/api/chat",
    "/v4/ai/language-model",
  ]

  /** Five calls at once under one a minute: how many have left. */
  async function leave(path: string, options: LimitedFetchOptions): Promise<{ left: number; events: SluiceEvent[] }> {
    const events: SluiceEvent[] = []
    const answering = (response: ServerResponse): void => {
      response.setHeader("content-type", "application/json")
      response.end("{}")
    }
    const server = await scriptedServer((_n, response) => answering(response))
    const fetch = limitedFetch({
      requestsPerMinute: { limit: 1, kind: "bucket" },
      maxWaitMs: 300,
      onEvent: (event) => events.push(event),
      ...options,
    })
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m" }),
    }
    await Promise.allSettled(Array.from({ length: 5 }, () => fetch(`${server.url}${path}`, init)))
    return { left: server.calls.length, events }
  }

  it.each(paths)("one a minute for %s, behind any host", async (path) => {
    expect((await leave(path, {})).left).toBe(1)
  })

  it("`vendor` forces it on a path of one's own", async () => {
    expect((await leave("/ask", { vendor: "openai-compatible" })).left).toBe(1)
  })

  it("`everything: true` limits every POST", async () => {
    expect((await leave("/ask", { everything: true })).left).toBe(1)
  })

  it("otherwise one warning per host says so; nobody is warned who told no limit", async () => {
    const { left, events } = await leave("/ask", {})
    expect(left).toBe(5)
    const warnings = events.filter((event) => event.type === "warning")
    expect(warnings).toMatchObject([
      { code: "not-limited", message: expect.stringMatching(/127\.0\.0\.1:\d+.*everything: true/) as string },
    ])

    const untold = await leave("/ask", { requestsPerMinute: undefined } as unknown as LimitedFetchOptions)
    expect([untold.left, untold.events]).toEqual([5, []])
  })
})
