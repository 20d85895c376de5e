import { setTimeout as wait } from "node:timers/promises"
import type { ServerResponse } from "node:http"
import Anthropic from "@anthropic-ai/sdk"
import type { SluiceEvent } from "@sluice/core"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropicOptions, limitedFetch, type LimitedFetch, openaiOptions } from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { fastClock, scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const sse = (type: string, data: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
const start = sse("message_start", {
  message: {
    id: "m",
    type: "message",
    role: "assistant",
    model: "m",
    content: [],
    usage: { input_tokens: 9, output_tokens: 1 },
  },
})
const open = sse("content_block_start", { index: 0, content_block: { type: "text", text: "" } })
const text = sse("content_block_delta", { index: 0, delta: { type: "text_delta", text: "fine" } })
const rest =
  sse("content_block_stop", { index: 0 }) +
  sse("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } }) +
  sse("message_stop", {})
const ping = sse("ping", {})
const overloaded = sse("error", { error: { type: "overloaded_error", message: "Overloaded" } })

const chunk = (choices: unknown, more: object = {}): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices, ...more })}\n\n`
const role = chunk([{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }])
const filter = chunk([], { prompt_filter_results: [{ prompt_index: 0 }] })
const fine = `${chunk([{ index: 0, delta: { content: "fine" }, finish_reason: null }])}${chunk([{ index: 0, delta: {}, finish_reason: "stop" }])}data: [DONE]\n\n`
const comment = ": OPENROUTER PROCESSING\n\n"
const failed = `data: ${JSON.stringify({ error: { code: 503, message: "No instances available" } })}\n\n`
const failedText = 'data: {"error":"no instances available"}\n\n'

const claude = async (url: string, limited: LimitedFetch): Promise<string> => {
  const client = new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) })
  const asked = { model: "m", max_tokens: 9, messages: [{ role: "user" as const, content: "hi" }] }
  return client.messages.stream(asked).finalText()
}
const gpt = async (url: string, limited: LimitedFetch): Promise<string> => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const asked = { model: "m", messages: [{ role: "user" as const, content: "hi" }], stream: true as const }
  let got = ""
  for await (const { choices } of await client.chat.completions.create(asked)) got += choices[0]?.delta.content ?? ""
  return got
}

async function sendPieces(response: ServerResponse, pieces: readonly string[]): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" })
  for (const piece of pieces) {
    response.write(piece)
    await wait(20)
  }
  response.end()
}

describe("what counts is output, not bytes: an error before the first piece of the answer is tried again", () => {
  it.each<[string, typeof claude, readonly string[], readonly string[]]>([
    ["after message_start and ping", claude, [start, ping, overloaded], [start, ping, open, text, rest]],
    ["after the block was opened", claude, [start, open, ping, overloaded], [start, open, text, rest]],
    ["after comment lines", gpt, [comment, comment, failed], [comment, role, fine]],
    ["after a chunk with nothing but the role", gpt, [role, failed], [role, fine]],
    ["after a chunk without choices", gpt, [filter, failed], [filter, role, fine]],
    ["an error that is a text", gpt, [role, failedText], [role, fine]],
    ["a stream that ends before its first piece", gpt, [comment, role], [role, fine]],
  ])("%s", async (_name, call, bad, good) => {
    const server = await scriptedServer((n, response) => void sendPieces(response, n === 0 ? bad : good))
    const limited = limitedFetch({ clock: fastClock(20) })
    expect(await call(server.url, limited)).toBe("fine")
    expect([server.calls.length, inFlight(limited)]).toEqual([2, 0])
    await limited.close()
  })

  it("a connection that breaks before the first piece is tried again too", async () => {
    const server = await scriptedServer((n, response) => {
      if (n > 0) return void sendPieces(response, [role, fine])
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(role, () => setTimeout(() => response.destroy(), 20))
    })
    const limited = limitedFetch({ clock: fastClock(20) })
    expect(await gpt(server.url, limited)).toBe("fine")
    expect([server.calls.length, inFlight(limited)]).toEqual([2, 0])
    await limited.close()
  })
})

it("output comes to the caller as soon as it is there, and what came before it with it, in order", async () => {
  const gate = Promise.withResolvers<void>()
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(role + chunk([{ index: 0, delta: { content: "fi" }, finish_reason: null }]))
    void gate.promise.then(() => response.end(fine))
  })
  const limited = limitedFetch()
  const answer = await limited(`${server.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "m", stream: true }),
  })
  const reader = answer.body!.getReader()
  const decoder = new TextDecoder()
  let got = ""
  while (!got.includes('"fi"')) got += decoder.decode((await reader.read()).value)
  expect(got.startsWith(role)).toBe(true)
  gate.resolve()
  for (let next = await reader.read(); !next.done; next = await reader.read()) got += decoder.decode(next.value)
  expect(got.endsWith(fine)).toBe(true)
  await limited.close()
})

it("an answer that is empty but whole is an answer", async () => {
  const whole = `${role}${chunk([{ index: 0, delta: {}, finish_reason: "stop" }])}data: [DONE]\n\n`
  const server = await scriptedServer((_n, response) => void sendPieces(response, [whole]))
  const limited = limitedFetch()
  expect(await gpt(server.url, limited)).toBe("")
  expect(server.calls).toHaveLength(1)
  await limited.close()
})

const half = chunk([{ index: 0, delta: { content: "fi" }, finish_reason: null }])
describe("after output has come an error is the caller's to see, and nothing is sent again", () => {
  it.each<[string, string]>([
    ["a text", failedText],
    ["an object", failed],
    ["a text in an event of that name", 'event: error\ndata: {"error":"no instances available"}\n\n'],
  ])("%s", async (_name, error) => {
    const server = await scriptedServer((_n, response) => void sendPieces(response, [role, half, error]))
    const events: SluiceEvent[] = []
    const limited = limitedFetch({ clock: fastClock(20), onEvent: (event) => events.push(event) })
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
    let got = ""
    const read = async (): Promise<void> => {
      const asked = { model: "m", messages: [{ role: "user" as const, content: "hi" }], stream: true as const }
      for await (const { choices } of await client.chat.completions.create(asked))
        got += choices[0]?.delta.content ?? ""
    }
    await expect(read()).rejects.toThrow(/no instances available/i)
    expect([got, server.calls.length, inFlight(limited)]).toEqual(["fi", 1, 0])
    expect(events.filter(({ type }) => type === "call-end")).toMatchObject([{ status: "failed", attempts: 1 }])
    await limited.close()
  })
})
