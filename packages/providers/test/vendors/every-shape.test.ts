import type { SluiceEvent } from "@sluice/core"
import { describe, expect, it, vi } from "vitest"
import { limitedFetch } from "../../src/index.ts"
import { vendors } from "../../src/vendors/find-vendor.ts"
import { inFlight } from "../fake-vendor.ts"
import { addressOf } from "../lane-setup.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

/** A host of each vendor that is known by its host, and two of nobody's. */
const hosts = [
  "api.openai.com",
  "eu.api.openai.com",
  "api.anthropic.com",
  "generativelanguage.googleapis.com",
  "europe-west1-aiplatform.googleapis.com",
  "unit.openai.azure.com",
  "unit.services.ai.azure.com",
  "api.groq.com",
  "openrouter.ai",
  "api.mistral.ai",
  "api.together.xyz",
  "api.cohere.com",
  "bedrock-runtime.eu-central-1.amazonaws.com",
  "ai-gateway.vercel.sh",
  "llm.example.org",
  "127.0.0.1:11434",
]

interface Shape {
  readonly path: string
  readonly body: object
  readonly answer: object
}

const hi = [{ role: "user", content: "hi" }]
const openaiUsage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }
const claude = { content: [{ type: "text", text: "x" }], usage: { input_tokens: 7, output_tokens: 3 } }
const chat = { choices: [{ message: { role: "assistant", content: "x" } }], usage: openaiUsage }
const gemini = {
  candidates: [{ content: { parts: [{ text: "x" }] }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 10 },
}
const inPublishers = "/v1/projects/p/locations/l/publishers"

/** Every protocol that a model is called by. */
const shapes: Record<string, Shape> = {
  "OpenAI, chat": { path: "/v1/chat/completions", body: { model: "m", messages: hi }, answer: chat },
  "OpenAI, chat below a gateway's path": {
    path: "/v1beta/openai/chat/completions",
    body: { model: "m", messages: hi },
    answer: chat,
  },
  "OpenAI, chat of an Azure deployment": {
    path: "/openai/deployments/d/chat/completions?api-version=2026-10-01",
    body: { messages: hi },
    answer: chat,
  },
  "OpenAI, chat at Vertex": {
    path: "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
    body: { model: "m", messages: hi },
    answer: chat,
  },
  "OpenAI, responses": {
    path: "/v1/responses",
    body: { model: "m", input: "hi" },
    answer: { id: "r", status: "completed", output: [], usage: { input_tokens: 7, output_tokens: 3 } },
  },
  "OpenAI, completions": {
    path: "/v1/completions",
    body: { model: "m", prompt: "hi" },
    answer: { choices: [{ text: "x" }], usage: openaiUsage },
  },
  "OpenAI, embeddings": {
    path: "/v1/embeddings",
    body: { model: "m", input: "hi" },
    answer: { data: [{ embedding: [0] }], usage: { prompt_tokens: 7, total_tokens: 7 } },
  },
  "Anthropic, messages": { path: "/v1/messages", body: { model: "m", max_tokens: 5, messages: hi }, answer: claude },
  "Anthropic, messages below a gateway's path": {
    path: "/api/v1/messages",
    body: { model: "m", max_tokens: 5, messages: hi },
    answer: claude,
  },
  "Anthropic at Vertex": {
    path: `${inPublishers}/anthropic/models/claude:rawPredict`,
    body: { anthropic_version: "vertex-2023-10-16", max_tokens: 5, messages: hi },
    answer: claude,
  },
  Gemini: {
    path: "/v1beta/models/g:generateContent",
    body: { contents: [{ parts: [{ text: "hi" }] }] },
    answer: gemini,
  },
  "Gemini at Vertex": {
    path: `${inPublishers}/google/models/g:generateContent`,
    body: { contents: [{ parts: [{ text: "hi" }] }] },
    answer: gemini,
  },
  "Cohere, chat": {
    path: "/v2/chat",
    body: { model: "m", messages: hi },
    answer: { message: {}, usage: { tokens: { input_tokens: 7, output_tokens: 3 } } },
  },
  "Bedrock, Converse": {
    path: "/model/amazon.nova/converse",
    body: { messages: [{ role: "user", content: [{ text: "hi" }] }] },
    answer: { output: {}, usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 } },
  },
  "Bedrock, Claude": {
    path: "/model/anthropic.claude/invoke",
    body: { anthropic_version: "bedrock-2023-05-31", max_tokens: 5, messages: hi },
    answer: claude,
  },
  "Ollama, chat": {
    path: "/api/chat",
    body: { model: "m", messages: hi, stream: false },
    answer: { message: { content: "x" }, done: true, prompt_eval_count: 7, eval_count: 3 },
  },
  "the AI SDK's gateway": {
    path: "/v4/ai/language-model",
    body: { prompt: hi },
    answer: {
      content: [{ type: "text", text: "x" }],
      finishReason: { unified: "stop" },
      usage: { inputTokens: { total: 7 }, outputTokens: { total: 3 } },
    },
  },
}

it("no vendor with hosts of its own is missing here", () => {
  const missing = vendors.filter(
    ({ name, hosts: isAt }) => !["ollama", "openai-compatible"].includes(name) && !hosts.some((host) => isAt(host)),
  )
  expect(missing.map(({ name }) => name)).toEqual([])
})

// Each protocol is known wherever it is spoken: Gemini's hosts speak OpenAI's, Anthropic's speaks OpenAI's, OpenRouter Anthropic's.
describe.each(Object.entries(shapes))("%s", (_name, { path, body, answer }) => {
  it.each(hosts)("at %s: has a quota, is tried again, and is told of", async (host) => {
    const server = await scriptedServer((n, response) => {
      response.writeHead(n === 0 ? 503 : 200, { "content-type": "application/json" })
      response.end(JSON.stringify(n === 0 ? { error: { message: "later" } } : answer))
    })
    const events: SluiceEvent[] = []
    const limited = limitedFetch({
      clock: fastClock(),
      onEvent: (event) => events.push(event),
      // Every host is this machine.
      fetch: (input, init) => fetch(new URL(new URL(addressOf(input)).pathname, server.url), init),
    })
    const response = await limited(`${host.includes(":") ? "http" : "https"}://${host}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer k" },
      body: JSON.stringify(body),
    })
    expect([response.status, await response.json()]).toEqual([200, answer])
    expect(server.calls).toHaveLength(2)
    expect(limited.snapshot()).toHaveLength(1)
    expect(inFlight(limited)).toBe(0)
    const told = (type: SluiceEvent["type"]): SluiceEvent[] => events.filter((event) => event.type === type)
    expect(told("http-attempt")).toMatchObject([{ status: 503, decision: "retry" }, { decision: "ok" }])
    const outputTokens = path.endsWith("embeddings") ? 0 : 3
    expect(told("usage")).toMatchObject([{ cost: { inputTokens: 7, outputTokens } }])
    expect(told("call-end")).toMatchObject([{ status: "ok", attempts: 2 }])
    expect(told("warning")).toEqual([])
    await limited.close()
  })
})
