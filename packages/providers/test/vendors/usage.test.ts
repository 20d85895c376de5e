import Anthropic from "@anthropic-ai/sdk"
import type { SluiceEvent } from "@sluice/core"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropic, anthropicOptions, gemini, limitedFetch, openaiCompatible, openaiOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

describe("the numbers of an answer add up", () => {
  it.each<[string, object, object]>([
    [
      "thoughts in the total alone",
      { prompt_tokens: 12, completion_tokens: 1, total_tokens: 399 },
      { inputTokens: 12, outputTokens: 387 },
    ],
    [
      "thoughts beside, and in the total",
      {
        prompt_tokens: 12,
        completion_tokens: 1,
        total_tokens: 399,
        completion_tokens_details: { reasoning_tokens: 386 },
      },
      { outputTokens: 387 },
    ],
    [
      "thoughts inside, as OpenAI counts",
      {
        prompt_tokens: 12,
        completion_tokens: 387,
        total_tokens: 399,
        completion_tokens_details: { reasoning_tokens: 386 },
      },
      { outputTokens: 387 },
    ],
    [
      "more thoughts than output, and no total",
      { prompt_tokens: 12, completion_tokens: 1, completion_tokens_details: { reasoning_tokens: 386 } },
      { outputTokens: 387 },
    ],
    [
      "thoughts inside, and no total",
      { input_tokens: 12, output_tokens: 387, output_tokens_details: { reasoning_tokens: 386 } },
      { outputTokens: 387 },
    ],
    [
      "a total below its parts",
      { prompt_tokens: 12, completion_tokens: 5, total_tokens: 3 },
      { outputTokens: 5, isDoubtful: true },
    ],
    ["no output: embeddings", { prompt_tokens: 12, total_tokens: 12 }, { outputTokens: 0 }],
    [
      "DeepSeek's cache",
      { prompt_tokens: 12, completion_tokens: 1, prompt_cache_hit_tokens: 8 },
      { cachedInputTokens: 8 },
    ],
    ["Moonshot's cache", { prompt_tokens: 12, completion_tokens: 1, cached_tokens: 8 }, { cachedInputTokens: 8 }],
    [
      "more from the cache than there is",
      { prompt_tokens: 12, completion_tokens: 1, cached_tokens: 80 },
      { cachedInputTokens: 12 },
    ],
  ])("%s", (_name, usage, counted) => {
    expect(openaiCompatible.usage({ usage })).toMatchObject(counted)
  })

  it("Gemini's thoughts that only its total has", () => {
    const usageMetadata = { promptTokenCount: 12, candidatesTokenCount: 1, totalTokenCount: 399 }
    expect(gemini.usage({ usageMetadata })).toMatchObject({ inputTokens: 12, outputTokens: 387 })
  })

  it("Anthropic's, of a router that counts no input", () => {
    expect(anthropic.usage({ usage: { output_tokens: 3 } })).toBeUndefined()
  })
})

const sse = (type: string, data: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
const claude = (start: object, delta: object): string =>
  sse("message_start", {
    message: { id: "m", type: "message", role: "assistant", model: "m", content: [], usage: start },
  }) +
  sse("content_block_start", { index: 0, content_block: { type: "text", text: "" } }) +
  sse("content_block_delta", { index: 0, delta: { type: "text_delta", text: "fine" } }) +
  sse("content_block_stop", { index: 0 }) +
  sse("message_delta", { delta: { stop_reason: "end_turn" }, usage: delta }) +
  sse("message_stop", {})

it.each<[string, object, object, object]>([
  [
    "message_delta repeats the input without the cache",
    { input_tokens: 25, cache_read_input_tokens: 75, cache_creation_input_tokens: 0, output_tokens: 1 },
    { input_tokens: 25, output_tokens: 15 },
    { cost: { inputTokens: 100, outputTokens: 15 }, cachedInputTokens: 75 },
  ],
  [
    "message_delta counts output alone",
    { input_tokens: 25, cache_read_input_tokens: 75, output_tokens: 1 },
    { output_tokens: 15 },
    { cost: { inputTokens: 100, outputTokens: 15 }, cachedInputTokens: 75 },
  ],
  [
    "message_delta has what message_start had not",
    { input_tokens: 0, output_tokens: 0 },
    { input_tokens: 25, cache_read_input_tokens: 75, cache_creation_input_tokens: 0, output_tokens: 15 },
    { cost: { inputTokens: 100, outputTokens: 15 }, cachedInputTokens: 75 },
  ],
])("%s, streamed to the SDK", async (_name, start, delta, counted) => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(claude(start, delta))
  })
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ onEvent: (event) => events.push(event) })
  const client = new Anthropic({ baseURL: server.url, apiKey: "k", ...anthropicOptions(limited) })
  await client.messages
    .stream({ model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] })
    .finalMessage()
  expect(events.filter(({ type }) => type === "usage")).toMatchObject([counted])
  await limited.close()
})

it("what does not add up is accounted as estimated", async () => {
  const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 3 }
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ choices: [{ message: { role: "assistant", content: "fine" } }], usage }))
  })
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ onEvent: (event) => events.push(event) })
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] })
  expect(events.filter(({ type }) => type === "usage")).toMatchObject([{ estimated: true, cost: { outputTokens: 5 } }])
  await limited.close()
})

it.each<[string, object, object]>([
  [
    "thoughts in the total alone",
    { prompt_tokens: 12, completion_tokens: 1, total_tokens: 399 },
    { cost: { inputTokens: 12, outputTokens: 387 } },
  ],
  [
    "thoughts beside the completion, and in the total",
    {
      prompt_tokens: 12,
      completion_tokens: 1,
      total_tokens: 399,
      completion_tokens_details: { reasoning_tokens: 386 },
    },
    { cost: { inputTokens: 12, outputTokens: 387 } },
  ],
])(
  "%s: accounted in full, while OpenAI's SDK gets what was sent; whole and streamed",
  async (_name, usage, counted) => {
    const piece = (choices: object[], more: object = {}): string =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices, ...more })}\n\n`
    const server = await scriptedServer((n, response) => {
      const { stream } = JSON.parse(server.calls[n]!.body) as { stream?: boolean }
      response.writeHead(200, { "content-type": stream ? "text/event-stream" : "application/json" })
      if (stream)
        response.end(
          `${piece([{ index: 0, delta: { content: "fine" }, finish_reason: null }])}${piece([{ index: 0, delta: {}, finish_reason: "stop" }])}${piece([], { usage })}data: [DONE]\n\n`,
        )
      else response.end(JSON.stringify({ choices: [{ message: { role: "assistant", content: "fine" } }], usage }))
    })
    const events: SluiceEvent[] = []
    const limited = limitedFetch({ onEvent: (event) => events.push(event) })
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
    const asked = { model: "m", messages: [{ role: "user" as const, content: "hi" }] }
    expect((await client.chat.completions.create(asked)).usage).toEqual(usage)
    const stream = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    })
    expect((await Array.fromAsync(stream)).at(-1)!.usage).toEqual(usage)
    expect(events.filter(({ type }) => type === "usage")).toMatchObject([counted, counted])
    expect(events.filter((event) => event.type === "usage" && event.estimated)).toEqual([])
    await limited.close()
  },
)
