import type { ServerResponse } from "node:http"
import { createGateway, generateText } from "ai"
import type { SluiceEvent } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { type LimitedFetch, limitedFetch, type LimitedFetchOptions } from "../../src/index.ts"
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
const chat = {
  choices: [{ message: { content: "hi" } }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
}

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

  it("otherwise one warning per host says so", async () => {
    const { left, events } = await leave("/ask", {})
    expect(left).toBe(5)
    const warnings = events.filter((event) => event.type === "warning")
    expect(warnings).toMatchObject([
      { code: "not-limited", message: expect.stringMatching(/127\.0\.0\.1:\d+.*everything: true/) as string },
    ])
  })
})

describe("what nobody recognises while a limit is told", () => {
  it("each host is named once: a second one has a word of its own, and the first is not repeated", async () => {
    const [one, two] = [
      await scriptedServer((_n, response) => void response.end("{}")),
      await scriptedServer((_n, response) => void response.end("{}")),
    ]
    const warned: string[] = []
    const limited = limitedFetch({
      requestsPerMinute: 1,
      onEvent: (event) => {
        if (event.type === "warning") warned.push(`${event.code}: ${/POST to (\S+)/.exec(event.message)?.[1]}`)
      },
    })
    for (const { url } of [one, one, two, one, two, two]) {
      const answer = await limited(`${url}/ask`, { method: "POST", body: '{"question":"hi"}' })
      expect(await answer.text()).toBe("{}")
    }
    expect(warned).toEqual([one, two].map(({ url }) => `not-limited: ${new URL(url).host}`))
    expect([one.calls.length, two.calls.length]).toEqual([3, 3])
  })
})

describe("what nobody recognises while no limit is told", () => {
  /** What is told of each of `sent` and of the next one, at a server that takes everything. */
  async function warnings(path: string, send: (fetch: LimitedFetch, url: string) => Promise<Response>) {
    const events: SluiceEvent[] = []
    const server = await scriptedServer((_n, response) => void response.end("{}"))
    const other = await scriptedServer((_n, response) => void response.end("{}"))
    const limited = limitedFetch({ onEvent: (event) => events.push(event) })
    for (const { url } of [server, server, other])
      expect(await (await send(limited, `${url}${path}`)).text()).toBe("{}")
    const bodies = [...server.calls, ...other.calls].map(({ body }) => body)
    expect(new Set(bodies).size).toBe(1)
    // A request's copy is read beside its sending.
    await new Promise((resolve) => setTimeout(resolve, 20))
    return { told: events, hosts: [server.url, other.url].map((url) => new URL(url).host) }
  }
  const post = (body: NonNullable<RequestInit["body"]>) => (fetch: LimitedFetch, url: string) =>
    fetch(url, { method: "POST", body })
  const bytes = (body: object): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(body))

  it.each<[string, string, (fetch: LimitedFetch, url: string) => Promise<Response>]>([
    ["a model and messages", "/ask", post(JSON.stringify({ model: "m", messages: hi }))],
    ["a model and a prompt", "/v1/generate", post(JSON.stringify({ model: "m", prompt: "hi", n: 1 }))],
    ["a conversation without a model", "/deployments/d/score", post(JSON.stringify({ messages: hi }))],
    ["Gemini's contents", "/ask", post(JSON.stringify({ contents: [{ parts: [{ text: "hi" }] }] }))],
    ["bytes", "/ask", post(bytes({ model: "m", input: "hi" }))],
    [
      "a Request",
      "/ask",
      (fetch, url) =>
        fetch(
          new Request(url, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: "m", messages: hi }),
          }),
        ),
    ],
  ])("%s: one warning per host", async (_name, path, send) => {
    const { told, hosts } = await warnings(path, send)
    expect(told).toMatchObject(
      hosts.map((host) => ({
        type: "warning",
        code: "not-limited",
        message: expect.stringContaining(`A POST to ${host} looks like a model call`) as string,
      })),
    )
  })

  it.each<[string, string, (fetch: LimitedFetch, url: string) => Promise<Response>]>([
    ["a GET", "/ask", (fetch, url) => fetch(url)],
    ["no body", "/ask", (fetch, url) => fetch(url, { method: "POST" })],
    ["a form", "/ask", post(new URLSearchParams({ model: "m", prompt: "hi" }))],
    ["what is no JSON", "/ask", post("model and messages")],
    ["a car", "/orders", post(JSON.stringify({ model: "T", colour: "black" }))],
    ["a search", "/search", post(JSON.stringify({ input: "hi", query: "hi" }))],
    ["mail", "/send", post(JSON.stringify({ messages: [{ to: "a@example.org", text: "hi" }] }))],
    ["a query", "/graphql", post(JSON.stringify({ query: "{ model { messages } }" }))],
    [
      "a file",
      "/put",
      (fetch, url) => fetch(url, { method: "POST", body: new Blob([JSON.stringify({ model: "m", messages: hi })]) }),
    ],
    ["a file's record", "/v1/files", post(JSON.stringify({ model: "m", input: "hi" }))],
    ["a count of tokens", "/v1/messages/count_tokens", post(JSON.stringify({ model: "m", messages: hi }))],
    ["a batch", "/v1/batches", post(JSON.stringify({ model: "m", messages: hi }))],
  ])("%s is none: no word", async (_name, path, send) => {
    expect((await warnings(path, send)).told).toEqual([])
  })

  it("at a vendor's own host, by a path that is not known", async () => {
    const server = await scriptedServer((_n, response) => void response.end("{}"))
    const events: SluiceEvent[] = []
    const limited = limitedFetch({
      onEvent: (event) => events.push(event),
      fetch: (_input, init) => fetch(server.url, init),
    })
    for (let call = 0; call < 2; call++)
      await post(JSON.stringify({ model: "m", input: "hi" }))(limited, "https://api.openai.com/v2/thoughts")
    expect(events).toMatchObject([{ type: "warning", code: "not-limited" }])
  })
})
