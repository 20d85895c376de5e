import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import { startVendor } from "@sluice/lab"
import { anthropicOptions, googleOptions, type LimitedFetch, limitedFetch, openaiOptions } from "@sluice/providers"
import OpenAI from "openai"
import { expect, it, onTestFinished } from "vitest"
import { telemetry } from "../src/index.ts"
import { setUp, type SetUp } from "./set-up.ts"

type Ask = (url: string, fetch: LimitedFetch, stream: boolean) => Promise<unknown>

const apiKey = "a-key"
const anthropic: Ask = async (url, fetch, stream) => {
  const client = new Anthropic({ baseURL: url, apiKey, ...anthropicOptions(fetch) })
  const asked = { model: "lab-small", max_tokens: 50, messages: [{ role: "user" as const, content: "Why?" }] }
  if (!stream) return client.messages.create(asked)
  for await (const _ of await client.messages.create({ ...asked, stream })) void 0
}
const gemini: Ask = async (url, fetch, stream) => {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, ...googleOptions(fetch) } })
  const asked = { model: "lab-small", contents: "Why?" }
  if (!stream) return client.models.generateContent(asked)
  for await (const _ of await client.models.generateContentStream(asked)) void 0
}
const responses: Ask = async (url, fetch, stream) => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, ...openaiOptions(fetch) })
  const asked = { model: "lab-small", input: "Why?" }
  if (!stream) return client.responses.create(asked)
  for await (const _ of await client.responses.create({ ...asked, stream })) void 0
}

async function traced(ask: Ask, stream: boolean): Promise<SetUp> {
  const set = await setUp()
  const vendor = await startVendor({ latency: { baseMs: 1, perOutputTokenMs: 0 }, answer: { text: "Because." } })
  onTestFinished(() => vendor.stop())
  await ask(vendor.url, limitedFetch({ onEvent: telemetry({ ...set.providers, content: true }) }), stream)
  await set.flush()
  return set
}

it.each<[string, Ask, boolean, string, string, string]>([
  ["Anthropic's messages", anthropic, false, "chat", "anthropic", "end_turn"],
  ["Anthropic's messages, streamed", anthropic, true, "chat", "anthropic", "end_turn"],
  ["Gemini's content", gemini, false, "generate_content", "gcp.gemini", "STOP"],
  ["Gemini's content, streamed", gemini, true, "generate_content", "gcp.gemini", "STOP"],
  ["OpenAI's responses", responses, false, "chat", "openai-compatible", "completed"],
  ["OpenAI's responses, streamed", responses, true, "chat", "openai-compatible", "completed"],
])("%s: the vendor's own SDK makes a span with all that the conventions ask for", async (...row) => {
  const [, ask, stream, operation, provider, reason] = row
  const { spans } = await traced(ask, stream)
  const call = spans.find(({ name }) => name === `${operation} lab-small`)
  expect(call?.attributes).toMatchObject({
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": "lab-small",
    "gen_ai.response.model": "lab-small",
    "gen_ai.response.id": expect.stringMatching(/./),
    "gen_ai.response.finish_reasons": [reason],
    "gen_ai.usage.input_tokens": expect.any(Number),
    "gen_ai.usage.output_tokens": expect.any(Number),
    ...(stream && { "gen_ai.request.stream": true, "gen_ai.response.time_to_first_chunk": expect.any(Number) }),
  })
  expect(call?.attributes).not.toHaveProperty("sluice.usage.estimated")
  expect(JSON.parse(String(call?.attributes["gen_ai.input.messages"]))).toMatchObject([
    { role: "user", parts: [{ type: "text", content: "Why?" }] },
  ])
  expect(JSON.parse(String(call?.attributes["gen_ai.output.messages"]))).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "Because." }], finish_reason: reason },
  ])
})
