import { createAnthropic } from "@ai-sdk/anthropic"
import { createOpenAI } from "@ai-sdk/openai"
import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import { ChatOpenAI } from "@langchain/openai"
import type { SluiceEvent } from "@sluice/core"
import { startVendor } from "@sluice/lab"
import { generateText, streamText } from "ai"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import OpenAI from "openai"
import {
  aiSdkOptions,
  anthropicOptions,
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  openaiOptions,
} from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })
;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false

const sse = (type: string, data: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
const overloaded = sse("error", { error: { type: "overloaded_error", message: "Overloaded" } })
const start = sse("message_start", {
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [],
    usage: { input_tokens: 9, output_tokens: 1 },
  },
})
const open = sse("content_block_start", { index: 0, content_block: { type: "text", text: "" } })
const piece = (text: string): string => sse("content_block_delta", { index: 0, delta: { type: "text_delta", text } })
const rest =
  sse("content_block_stop", { index: 0 }) +
  sse("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } }) +
  sse("message_stop", {})

describe("an error event after HTTP 200, to the real SDK", () => {
  const asked = { model: "m", max_tokens: 9, messages: [{ role: "user" as const, content: "hi" }] }

  it("before any text: tried again, and the SDK never knows", async () => {
    const clock = fastClock()
    const server = await scriptedServer((n, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.end(n === 0 ? overloaded : start + open + piece("fine") + rest)
    }, clock)
    const limited = limitedFetch({ clock })
    const client = new Anthropic({ baseURL: server.url, apiKey: "k", ...anthropicOptions(limited) })
    expect((await client.messages.stream(asked).finalMessage()).content).toMatchObject([{ text: "fine" }])
    expect([server.calls.length, inFlight(limited)]).toEqual([2, 0])
    await limited.close()
  })

  it("in the middle: what came is kept, the SDK throws its own error, and it counts as the refusal that it is", async () => {
    const server = await scriptedServer((_n, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.end(start + open + piece("half ") + overloaded)
    })
    const events: SluiceEvent[] = []
    const limited = limitedFetch({ onEvent: (event) => events.push(event) })
    const client = new Anthropic({ baseURL: server.url, apiKey: "k", ...anthropicOptions(limited) })
    let got = ""
    const stream = client.messages.stream(asked).on("text", (text) => (got += text))
    const error: unknown = await stream.finalMessage().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Anthropic.APIError)
    expect([got, server.calls.length, inFlight(limited)]).toEqual(["half ", 1, 0])
    expect(events.filter((event) => event.type === "http-attempt").map(({ decision }) => decision)).toEqual(["retry"])
    expect(events.filter((event) => event.type === "usage")).toMatchObject([
      { cost: { inputTokens: 9, outputTokens: 2 }, estimated: true },
    ])
    await limited.close()
  })
})

it("a caller who asks for no usage is sent none, and asks the vendor for none: the stream is accounted by its pieces", async () => {
  const chunk = (delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.end(
      chunk({ content: "fi" }, null) + chunk({ content: "ne" }, null) + chunk({}, "stop") + "data: [DONE]\n\n",
    )
  })
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ onEvent: (event) => events.push(event) })
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const asked = { model: "m", messages: [{ role: "user" as const, content: "hi" }], stream: true as const }
  let got = ""
  for await (const { choices, usage } of await client.chat.completions.create(asked)) {
    expect(usage).toBeUndefined()
    got += choices[0]!.delta.content ?? ""
  }
  expect([got, JSON.parse(server.calls[0]!.body)]).toEqual(["fine", asked])
  expect(events.filter((event) => event.type === "usage")).toMatchObject([
    { estimated: true, cost: { outputTokens: 3 } },
  ])
  await limited.close()
})

it.each([true, false])(
  "a client that leaves at [DONE] has read the whole answer, whether the vendor then closes (%s) or not",
  async (closes) => {
    const piece = (delta: object, finish: string | null): string =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
    const server = await scriptedServer((_n, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(piece({ content: "fine" }, null) + piece({}, "stop") + "data: [DONE]\n\n")
      if (closes) response.end()
    })
    const events: SluiceEvent[] = []
    const limited = limitedFetch({ onEvent: (event) => events.push(event) })
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
    const asked = { model: "m", messages: [{ role: "user" as const, content: "hi" }], stream: true as const }
    let got = ""
    for await (const { choices } of await client.chat.completions.create(asked)) got += choices[0]!.delta.content ?? ""
    const ends = events.filter((event) => event.type === "call-end" || event.type === "permit-settle")
    expect([got, inFlight(limited)]).toEqual(["fine", 0])
    expect(ends).toContainEqual(expect.objectContaining({ type: "call-end", status: "ok", finishReasons: ["stop"] }))
    expect(ends).toContainEqual(expect.objectContaining({ type: "permit-settle", outcome: "success" }))
    await limited.close()
  },
)

const calls: Record<string, (url: string, limited: LimitedFetch, signal: AbortSignal) => Promise<unknown>> = {
  anthropic: (url, limited, signal) =>
    new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) }).messages.create(
      { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
      { signal },
    ),
  google: (url, limited, signal) =>
    new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, ...googleOptions(limited) } }).models.generateContent({
      model: "m",
      contents: "hi",
      config: { abortSignal: signal },
    }),
  "ai sdk": (url, limited, signal) => {
    const { provider, call } = aiSdkOptions(limited)
    const model = createOpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...provider }).chat("m")
    return generateText({ model, prompt: "hi", abortSignal: signal, ...call })
  },
  "ai sdk, streaming": async (url, limited, signal) => {
    const { provider, call } = aiSdkOptions(limited)
    const model = createAnthropic({ baseURL: `${url}/v1`, apiKey: "k", ...provider })("m")
    const failed = Promise.withResolvers<never>()
    const { text } = streamText({
      model,
      prompt: "hi",
      abortSignal: signal,
      onError: ({ error }) => failed.reject(error),
      onAbort: () => failed.reject(signal.reason),
      ...call,
    })
    return Promise.race([text, failed.promise])
  },
  "openai, responses": (url, limited, signal) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) }).responses.create(
      { model: "m", input: "hi" },
      { signal },
    ),
  langchain: (url, limited, signal) =>
    new ChatOpenAI({
      model: "m",
      apiKey: "k",
      maxRetries: 0,
      configuration: { baseURL: `${url}/v1`, ...openaiOptions(limited) },
    }).invoke("hi", { signal }),
}

describe.each(Object.entries(calls))("%s", (name, call) => {
  it("an abort ends a call in flight and a waiting one at once", async () => {
    const vendor = await startVendor({ latency: { baseMs: 60_000 } })
    const limited = limitedFetch({ concurrency: 1 })
    onTestFinished(() => vendor.stop())
    const controller = new AbortController()
    const failed = [1, 2].map(() =>
      call(vendor.url, limited, controller.signal).then(
        () => "answered",
        () => "failed",
      ),
    )
    while (limited.snapshot()[0]?.waiting !== 1) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    expect(await Promise.all(failed)).toEqual(["failed", "failed"])
    expect([inFlight(limited), limited.snapshot()[0]!.waiting]).toEqual([0, 0])
  })

  it.skipIf(name.endsWith("streaming"))("faults of every kind are tried again, and nothing is lost", async () => {
    const rates = { reset: 0.1, truncate: 0.1, malformed: 0.1, error500: 0.1, outage: 0.1 }
    const vendor = await startVendor({ faults: { rates }, latency: { baseMs: 1, perOutputTokenMs: 0 } })
    const limited = limitedFetch({ clock: fastClock(100), retry: { maxAttempts: 30 } })
    onTestFinished(() => vendor.stop())
    const { signal } = new AbortController()
    await Promise.all(Array.from({ length: 12 }, () => call(vendor.url, limited, signal)))
    expect(vendor.stats().answered).toBe(12)
    expect(Object.keys(vendor.stats().failed).length).toBeGreaterThan(2)
    expect(inFlight(limited)).toBe(0)
  })

  it("a hang ends in an error after the last attempt's time-out", async () => {
    const vendor = await startVendor({ faults: { rates: { hang: 1 } } })
    const limited = limitedFetch({ timeoutMs: 400, retry: { maxAttempts: 2, backoff: { initialMs: 1 } } })
    onTestFinished(() => vendor.stop())
    const error: unknown = await call(vendor.url, limited, new AbortController().signal).catch(
      (caught: unknown) => caught,
    )
    expect(error).toBeInstanceOf(Error)
    expect([vendor.stats().arrived, inFlight(limited)]).toEqual([2, 0])
  })
})

it("the AI SDK's own time-out runs while a call waits for its turn, and frees everything", async () => {
  const vendor = await startVendor({ latency: { baseMs: 60_000 } })
  onTestFinished(() => vendor.stop())
  const limited = limitedFetch({ concurrency: 1 })
  const { provider, call } = aiSdkOptions(limited)
  const model = createOpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...provider }).chat("m")
  const errors = await Promise.all(
    // The one that waits gives up while the other still holds the place.
    [1_500, 200].map((totalMs) =>
      generateText({ model, prompt: "hi", timeout: { totalMs }, ...call }).catch((error: unknown) => error),
    ),
  )
  expect(errors).toMatchObject([{ name: "TimeoutError" }, { name: "TimeoutError" }])
  expect([inFlight(limited), limited.snapshot()[0]!.waiting, vendor.stats().arrived]).toEqual([0, 0, 1])
})

it("the AI SDK's own retries are noticed, once", async () => {
  const clock = fastClock()
  const server = await scriptedServer((_n, response) => {
    response.writeHead(500, { "content-type": "application/json", "retry-after-ms": "1" })
    response.end('{"error":{"message":"server error","code":"server_error"}}')
  }, clock)
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ clock, retry: { maxAttempts: 1 }, onEvent: (event) => events.push(event) })
  const model = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", fetch: limited }).chat("m")
  const error: unknown = await generateText({ model, prompt: "hi" }).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(Error)
  expect(server.calls.length).toBe(3)
  await expect
    .poll(() => events.filter((event) => event.type === "warning"))
    .toMatchObject([{ code: "stacked-retries" }])
  await limited.close()
})
