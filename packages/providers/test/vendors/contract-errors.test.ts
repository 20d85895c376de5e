import { globSync, readFileSync } from "node:fs"
import type { ServerResponse } from "node:http"
import Anthropic from "@anthropic-ai/sdk"
import { ApiError, GoogleGenAI } from "@google/genai"
import { createAnthropic } from "@ai-sdk/anthropic"
import { createGoogleGenerativeAI } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import { ChatOpenAI } from "@langchain/openai"
import { APICallError, generateText } from "ai"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import {
  aiSdkOptions,
  anthropicOptions,
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  openaiOptions,
} from "../../src/index.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })
;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false

interface Fixture {
  readonly answer: { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown }
  readonly expect: {
    readonly kind: "ok" | "retry" | "wait" | "reduce" | "split" | "fatal"
    readonly feedback: { readonly retryAfterMs?: number; readonly refusal?: { readonly reason: string } }
  }
}

function fixtures(vendor: string): [string, Fixture][] {
  const folder = new URL(`../fixtures/${vendor}/`, import.meta.url)
  return globSync("**/*.json", { cwd: folder, exclude: ["ok*.json"] })
    .toSorted()
    .map((file) => [file.slice(0, -5), JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Fixture])
}

function send(response: ServerResponse, { status, headers, body }: Fixture["answer"]): void {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text)
}

function sendStream(response: ServerResponse): void {
  const chunk = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m" }
  const choice = { index: 0, delta: { role: "assistant", content: "fine" }, finish_reason: "stop" }
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.end(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\ndata: [DONE]\n\n`)
}

const good = {
  openai: {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "fine" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  },
  anthropic: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "fine" }],
    stop_reason: "end_turn",
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  gemini: {
    candidates: [{ content: { role: "model", parts: [{ text: "fine" }] }, finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  },
}

/** How each SDK makes one call, and what it throws for a status. */
const clients = {
  openai: {
    vendor: "openai",
    call: async (url: string, fetch: LimitedFetch) => {
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-1", ...openaiOptions(fetch) })
      return (await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] }))
        .choices[0]!.message.content
    },
    thrown: (error: unknown) => error instanceof OpenAI.APIError && error.status,
  },
  langchain: {
    vendor: "openai",
    call: async (url: string, fetch: LimitedFetch) => {
      const model = new ChatOpenAI({
        model: "m",
        apiKey: "sk-1",
        maxRetries: 0,
        configuration: { baseURL: `${url}/v1`, ...openaiOptions(fetch) },
      })
      return (await model.invoke("hi")).content
    },
    thrown: (error: unknown) =>
      (error as { status?: number }).status ?? (error as { cause?: { status?: number } }).cause?.status,
  },
  "ai sdk": {
    vendor: "openai",
    call: async (url: string, fetch: LimitedFetch) => {
      const limited = aiSdkOptions(fetch)
      const provider = createOpenAI({ baseURL: `${url}/v1`, apiKey: "sk-1", ...limited.provider })
      return (await generateText({ model: provider.chat("m"), prompt: "hi", ...limited.call })).text
    },
    thrown: (error: unknown) => APICallError.isInstance(error) && error.statusCode,
  },
  "openai, streaming": {
    vendor: "openai",
    call: async (url: string, fetch: LimitedFetch) => {
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-1", ...openaiOptions(fetch) })
      const stream = client.chat.completions.stream({ model: "m", messages: [{ role: "user", content: "hi" }] })
      return (await stream.finalChatCompletion()).choices[0]!.message.content
    },
    thrown: (error: unknown) => error instanceof OpenAI.APIError && error.status,
  },
  anthropic: {
    vendor: "anthropic",
    call: async (url: string, fetch: LimitedFetch) => {
      const client = new Anthropic({ baseURL: url, apiKey: "sk-1", ...anthropicOptions(fetch) })
      const message = await client.messages.create({
        model: "m",
        max_tokens: 9,
        messages: [{ role: "user", content: "hi" }],
      })
      return message.content[0]?.type === "text" && message.content[0].text
    },
    thrown: (error: unknown) => error instanceof Anthropic.APIError && (error.status as number | undefined),
  },
  google: {
    vendor: "gemini",
    call: async (url: string, fetch: LimitedFetch) => {
      const client = new GoogleGenAI({ apiKey: "sk-1", httpOptions: { baseUrl: url, ...googleOptions(fetch) } })
      return (await client.models.generateContent({ model: "m", contents: "hi" })).text
    },
    thrown: (error: unknown) => error instanceof ApiError && error.status,
  },
  "ai sdk over anthropic": {
    vendor: "anthropic",
    call: async (url: string, fetch: LimitedFetch) => {
      const limited = aiSdkOptions(fetch)
      const provider = createAnthropic({ baseURL: `${url}/v1`, apiKey: "sk-1", ...limited.provider })
      return (await generateText({ model: provider("m"), prompt: "hi", ...limited.call })).text
    },
    thrown: (error: unknown) => APICallError.isInstance(error) && error.statusCode,
  },
  "ai sdk over google": {
    vendor: "gemini",
    call: async (url: string, fetch: LimitedFetch) => {
      const limited = aiSdkOptions(fetch)
      const provider = createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: "sk-1", ...limited.provider })
      return (await generateText({ model: provider("m"), prompt: "hi", ...limited.call })).text
    },
    thrown: (error: unknown) => APICallError.isInstance(error) && error.statusCode,
  },
} as const

for (const [sdk, { vendor, call, thrown }] of Object.entries(clients)) {
  describe(`${sdk}: each documented error, HTTP calls counted by the server`, () => {
    for (const [name, fixture] of fixtures(vendor)) {
      const { kind, feedback } = fixture.expect
      const again = (kind === "retry" || kind === "wait" || kind === "reduce") && feedback.refusal?.reason !== "daily"

      it(`${name}: ${again ? "tried again, and well" : "one call, and the SDK's own error"}`, async () => {
        const clock = fastClock()
        const server = await scriptedServer((n, response) => {
          if (n === 0 || !again) send(response, fixture.answer)
          else if (sdk.endsWith("streaming")) sendStream(response)
          else send(response, { status: 200, headers: {}, body: good[vendor] })
        }, clock)
        const limited = limitedFetch({ vendor, clock, limits: { m: { concurrency: 2 } } })
        if (again) {
          expect(await call(server.url, limited)).toBe("fine")
          expect(server.calls).toHaveLength(2)
          expect(server.calls[1]!.atMs - server.calls[0]!.atMs).toBeGreaterThanOrEqual(feedback.retryAfterMs ?? 0)
        } else {
          const first: unknown = await call(server.url, limited).catch((error: unknown) => error)
          expect(server.calls).toHaveLength(1)
          const others = await Promise.all([1, 2].map(() => call(server.url, limited).catch((error: unknown) => error)))
          const errors = [first, ...others]
          const ends = feedback.refusal?.reason === "billing" || feedback.refusal?.reason === "daily"
          // When waiting does not help, the others are refused without a call; what is wrong with one request is asked each time.
          expect(server.calls).toHaveLength(ends ? 1 : 3)
          for (const error of errors) expect(thrown(error)).toBe(fixture.answer.status)
        }
        await limited.close()
      })
    }
  })
}
