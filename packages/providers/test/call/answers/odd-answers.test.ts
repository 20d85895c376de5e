import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import {
  anthropicOptions,
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  openai,
  openaiOptions,
  type Vendor,
} from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { fastClock, scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const odd = [
  0,
  8,
  14,
  99,
  100,
  101,
  204,
  304,
  600,
  1e9,
  -1,
  1.5,
  null,
  true,
  "8",
  "constructor",
  "__proto__",
  "toString",
  [],
  {},
]
const asked = [{ role: "user" as const, content: "hi" }]
const streams: Record<
  string,
  { call: (url: string, limited: LimitedFetch) => Promise<unknown>; event: (code: unknown) => string; start: string }
> = {
  gemini: {
    call: async (url, limited) => {
      const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, ...googleOptions(limited) } })
      for await (const chunk of await client.models.generateContentStream({ model: "m", contents: "hi" })) void chunk
    },
    event: (code) => `data: ${JSON.stringify({ error: { code, status: code, message: "m" } })}\n\n`,
    start: `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: "fi" }] } }] })}\n\n`,
  },
  anthropic: {
    call: (url, limited) =>
      new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) }).messages
        .stream({ model: "m", max_tokens: 9, messages: asked })
        .finalMessage(),
    event: (type) => `event: error\ndata: ${JSON.stringify({ type: "error", error: { type, message: "m" } })}\n\n`,
    start: `event: content_block_delta\ndata: ${JSON.stringify({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "fi" } })}\n\n`,
  },
  openai: {
    call: async (url, limited) => {
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) })
      for await (const chunk of await client.chat.completions.create({ model: "m", messages: asked, stream: true }))
        void chunk
    },
    event: (code) => `data: ${JSON.stringify({ error: { code, type: code, status: code, message: "m" } })}\n\n`,
    start: `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "fi" } }] })}\n\n`,
  },
}

describe.each(Object.entries(streams))(
  "%s: an error event with a code that is no HTTP status",
  (_name, { call, event, start }) => {
    it.each([
      ["first", ""],
      ["after output", start],
    ])("%s: no RangeError, no permit kept", async (_where, before) => {
      const bodies = odd.map((code) => before + event(code))
      const server = await scriptedServer((n, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).end(bodies[n])
      })
      const limited = limitedFetch({ clock: fastClock(), retry: { maxAttempts: 1, maxRefusals: 0 } })
      for (const _ of bodies) {
        const error: unknown = await call(server.url, limited).then(
          () => undefined,
          (caught: unknown) => caught,
        )
        expect(error).not.toBeInstanceOf(RangeError)
        expect(inFlight(limited)).toBe(0)
      }
      await limited.close()
    })
  },
)

describe("a vendor whose functions throw", () => {
  const boom = (): never => {
    throw new TypeError("boom")
  }
  const chat = { choices: [{ message: { content: "fine" } }], usage: { prompt_tokens: 1, completion_tokens: 1 } }
  const piece = 'data: {"choices":[{"delta":{"content":"fi"}}]}\n\n'
  it.each<[string, Partial<Vendor>]>([
    ["usage", { usage: boom }],
    ["charged", { charged: boom }],
    ["feedback", { feedback: boom }],
    ["streamEvent", { streamEvent: boom }],
  ])("%s: the caller has the answer, whole or streamed, once, and no permit is kept", async (_name, broken) => {
    const server = await scriptedServer((n, response) => {
      if (n === 0) response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(chat))
      else response.writeHead(200, { "content-type": "text/event-stream" }).end(`${piece}data: [DONE]\n\n`)
    })
    const limited = limitedFetch({ vendor: { ...openai, ...broken } })
    const send = async (): Promise<string> =>
      (await limited(`${server.url}/v1/chat/completions`, { method: "POST", body: '{"model":"m"}' })).text()
    expect(await send()).toBe(JSON.stringify(chat))
    expect(await send()).toBe(`${piece}data: [DONE]\n\n`)
    expect([server.calls.length, inFlight(limited)]).toEqual([2, 0])
    await limited.close()
  })
})

it("a code of ours in a vendor's answer does not pass for ours", async () => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(429, {
      "content-type": "application/json",
      "x-sluice-code": "quota-exhausted",
      "x-sluice-lane": "batch",
    })
    response.end('{"error":{"code":"rate_limit_exceeded","message":"slow"}}')
  })
  const limited = limitedFetch({ clock: fastClock(), retry: { maxRefusals: 0 } })
  const answer = await limited(`${server.url}/v1/chat/completions`, { method: "POST", body: '{"model":"m"}' })
  expect([answer.status, answer.headers.get("x-sluice-code"), answer.headers.get("x-sluice-lane")]).toEqual([
    429,
    null,
    null,
  ])
  expect(await answer.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } })
  await limited.close()
})
