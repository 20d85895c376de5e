import type { ServerResponse } from "node:http"
import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import type { SluiceEvent } from "@sluice/core"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropicOptions, googleOptions, limitedFetch, type LimitedFetch, openaiOptions } from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { fastClock, scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const message = { role: "assistant", content: "fine" }
const chat = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}
const claude = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "fine" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 },
}
const google = {
  candidates: [{ content: { role: "model", parts: [{ text: "fine" }] }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
}
const response = {
  id: "r",
  object: "response",
  status: "completed",
  output: [],
  usage: { input_tokens: 1, output_tokens: 1 },
}
const piece = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const stream = `${piece({ role: "assistant", content: "" })}${piece({ content: "fine" }, "stop")}data: [DONE]\n\n`
const asked = [{ role: "user" as const, content: "hi" }]

type Send = (url: string, limited: LimitedFetch) => PromiseLike<unknown>
const openai: Send = (url, limited) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) }).chat.completions.create({
    model: "m",
    messages: asked,
  })
const responses: Send = (url, limited) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) }).responses.create({
    model: "m",
    input: "hi",
  })
const streamed: Send = async (url, limited) => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  let text = ""
  for await (const chunk of await client.chat.completions.create({ model: "m", messages: asked, stream: true }))
    text += chunk.choices[0]?.delta.content ?? ""
  return text
}
const anthropic: Send = (url, limited) =>
  new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) }).messages.create({
    model: "m",
    max_tokens: 9,
    messages: asked,
  })
const gemini: Send = (url, limited) =>
  new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, ...googleOptions(limited) } }).models.generateContent({
    model: "m",
    contents: "hi",
  })

const ollama: Send = async (url, limited) => {
  const answer = await limited(`${url}/api/chat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", messages: asked }),
  })
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.text()).includes("fine") ? "fine" : "nothing"
}
const line = (body: object): string => `${JSON.stringify({ model: "m", ...body })}\n`
const lines = `${line({ message: { role: "assistant", content: "" }, done: false })}${line({ message: { content: "fine" }, done: false })}${line({ message: { content: "" }, done: true, prompt_eval_count: 1, eval_count: 1 })}`

const rateLimited = { error: { code: 429, message: "Rate limited upstream. Try again in 3s" } }
const noKey = { error: { code: 401, message: "No auth credentials found" } }

interface Case {
  readonly send: Send
  readonly bad: unknown
  readonly good: unknown
  readonly kind: "wait" | "retry"
  readonly type?: string
}
const cases: Record<string, Case> = {
  "openai, 429": { send: openai, bad: rateLimited, good: chat, kind: "wait" },
  "openai, a code that is a word": {
    send: openai,
    bad: { error: { code: "rate_limit_exceeded", message: "slow" } },
    good: chat,
    kind: "wait",
  },
  "openai, a text": { send: openai, bad: { error: "upstream connect error" }, good: chat, kind: "retry" },
  "openai, a text that names its status": {
    send: openai,
    bad: { error: "overloaded", code: 503 },
    good: chat,
    kind: "retry",
  },
  "openai, choices: null": { send: openai, bad: { ...chat, choices: null }, good: chat, kind: "retry" },
  "openai, choices: null beside an error": {
    send: openai,
    bad: { ...chat, choices: null, ...rateLimited },
    good: chat,
    kind: "wait",
  },
  "openai, an error in the choice": {
    send: openai,
    bad: {
      ...chat,
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "" },
          finish_reason: "error",
          error: { code: 502, message: "Upstream" },
        },
      ],
    },
    good: chat,
    kind: "retry",
  },
  "openai, responses that failed": {
    send: responses,
    bad: { ...response, status: "failed", error: { code: "rate_limit_exceeded", message: "slow" } },
    good: response,
    kind: "wait",
  },
  "openai, streamed as JSON": {
    send: streamed,
    bad: rateLimited,
    good: stream,
    kind: "wait",
    type: "application/json",
  },
  "openai, a stream's first event": {
    send: streamed,
    bad: `data: ${JSON.stringify(rateLimited)}\n\n`,
    good: stream,
    kind: "wait",
  },
  "openai, a stream's first event is a text": {
    send: streamed,
    bad: 'data: {"error":"no capacity"}\n\n',
    good: stream,
    kind: "retry",
  },
  "openai, only a detail": {
    send: openai,
    bad: { detail: "Rate limit exceeded, try again in 1s" },
    good: chat,
    kind: "wait",
  },
  "openai, message and code": {
    send: openai,
    bad: { message: "rate limit exceeded", code: 429 },
    good: chat,
    kind: "wait",
  },
  "openai, message and statusCode": {
    send: openai,
    bad: { statusCode: 503, message: "busy" },
    good: chat,
    kind: "retry",
  },
  "openai, a list of errors": {
    send: openai,
    bad: { errors: [{ message: "rate limit", code: 429 }] },
    good: chat,
    kind: "wait",
  },
  "openai, error as a list": { send: openai, bad: { error: [{ message: "x", code: 429 }] }, good: chat, kind: "wait" },
  "openai, an error in an error": {
    send: openai,
    bad: { error: { error: { message: "x", code: 429 } } },
    good: chat,
    kind: "wait",
  },
  "openai, nothing": { send: openai, bad: {}, good: chat, kind: "retry" },
  "openai, null": { send: openai, bad: null, good: chat, kind: "retry" },
  "openai, no choices": { send: openai, bad: { choices: [] }, good: chat, kind: "retry" },
  "openai, no choices, with all around them": {
    send: openai,
    bad: { ...chat, choices: [] },
    good: chat,
    kind: "retry",
  },
  "openai, error: true": { send: openai, bad: { error: true }, good: chat, kind: "retry" },
  "openai, error: true, and why": {
    send: openai,
    bad: { error: true, message: "Rate limit reached" },
    good: chat,
    kind: "wait",
  },
  "openai, nothing instead of a stream": {
    send: streamed,
    bad: {},
    good: stream,
    kind: "retry",
    type: "application/json",
  },
  "anthropic, nothing": { send: anthropic, bad: {}, good: claude, kind: "retry" },
  "anthropic, error: true": { send: anthropic, bad: { error: true }, good: claude, kind: "retry" },
  "gemini, nothing": { send: gemini, bad: { candidates: [] }, good: google, kind: "retry" },
  "gemini, error: true": { send: gemini, bad: { error: true }, good: google, kind: "retry" },
  "ollama, a first line that is an error": {
    send: ollama,
    bad: `${JSON.stringify({ error: "model runner has unexpectedly stopped" })}\n`,
    good: lines,
    kind: "retry",
    type: "application/x-ndjson",
  },
  "ollama, an error before any output": {
    send: ollama,
    bad: `${line({ message: { role: "assistant", content: "" }, done: false })}${JSON.stringify({ error: "server overloaded" })}`,
    good: lines,
    kind: "retry",
    type: "application/x-ndjson",
  },
  "openai, an error event without JSON": {
    send: streamed,
    bad: "event: error\ndata: boom\n\n",
    good: stream,
    kind: "retry",
  },
  "openai, an empty stream": { send: streamed, bad: "", good: stream, kind: "retry" },
  "openai, a stream of comments only": {
    send: streamed,
    bad: ": PROCESSING\n\n: PROCESSING\n\n",
    good: stream,
    kind: "retry",
  },
  "openai, a stream of nothing but its end": { send: streamed, bad: "data: [DONE]\n\n", good: stream, kind: "retry" },
  "anthropic, overloaded": {
    send: anthropic,
    bad: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    good: claude,
    kind: "retry",
  },
  "anthropic, rate": {
    send: anthropic,
    bad: { type: "error", error: { type: "rate_limit_error", message: "slow" } },
    good: claude,
    kind: "wait",
  },
  "gemini, 429": {
    send: gemini,
    bad: { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "slow" } },
    good: google,
    kind: "wait",
  },
  "gemini, as an array": {
    send: gemini,
    bad: [{ error: { code: 503, status: "UNAVAILABLE", message: "busy" } }],
    good: google,
    kind: "retry",
  },
}

describe.each(Object.entries(cases))("HTTP 200 with an error inside: %s", (_name, { send, bad, good, kind, type }) => {
  const text = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body))
  const typeOf = (body: unknown): string =>
    type ?? (typeof body === "string" ? "text/event-stream" : "application/json")

  it("is the error that it says it is: tried again, and the SDK never knows", async () => {
    const clock = fastClock()
    const server = await scriptedServer((n, answer) => {
      const body = n === 0 ? bad : good
      answer
        .writeHead(200, {
          "content-type":
            n === 0
              ? typeOf(body)
              : typeof body !== "string"
                ? "application/json"
                : send === ollama
                  ? type
                  : "text/event-stream",
        })
        .end(text(body))
    })
    const events: SluiceEvent[] = []
    const limited = limitedFetch({ clock, onEvent: (event) => events.push(event) })
    const got = await send(server.url, limited)
    if (typeof got === "string") expect(got).toBe("fine")
    expect([server.calls.length, inFlight(limited)]).toEqual([2, 0])
    expect(events.filter(({ type: of }) => of === "http-attempt")).toMatchObject([
      { decision: kind },
      { decision: "ok" },
    ])
    await limited.close()
  })
})

it("an error that is final comes to the SDK with its own status, and ends the account's other calls", async () => {
  const server = await scriptedServer((_n, answer) => {
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(noKey))
  })
  const limited = limitedFetch()
  for (let call = 0; call < 3; call++)
    await expect(openai(server.url, limited)).rejects.toMatchObject({
      status: 401,
      message: expect.stringContaining("No auth credentials"),
    })
  expect(server.calls).toHaveLength(1)
  await limited.close()
})

it("Ollama: an error after output is the caller's to see, and the call has failed", async () => {
  const cut = `${line({ message: { content: "fi" }, done: false })}${JSON.stringify({ error: "out of memory" })}\n`
  const server = await scriptedServer((_n, answer) => {
    answer.writeHead(200, { "content-type": "application/x-ndjson" }).end(cut)
  })
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ onEvent: (event) => events.push(event) })
  const answer = await limited(`${server.url}/api/chat`, { method: "POST", body: '{"model":"m"}' })
  expect(await answer.text()).toBe(cut)
  expect(events.filter(({ type }) => type === "http-attempt").at(-1)).toMatchObject({ decision: "retry" })
  expect([server.calls.length, inFlight(limited)]).toEqual([1, 0])
  await limited.close()
})

it.each([
  ["application/json", "{}"],
  ["application/json", '{"error":true}'],
  ["application/json", '{"error":{"code":429,"message":"slow"}}'],
  ["application/json", "not JSON"],
  ["text/event-stream", ""],
  ["text/event-stream", 'data: {"error":{"code":429,"message":"slow"}}\n\n'],
  ["application/x-ndjson", '{"error":"busy"}\n'],
])("what is limited only because everything is may answer %s: %s, once", async (type, body) => {
  const server = await scriptedServer((_n, answer) => void answer.writeHead(200, { "content-type": type }).end(body))
  for (const asks of [{}, { stream: true }]) {
    const limited = limitedFetch({ everything: true })
    const answer = await limited(`${server.url}/hook`, { method: "POST", body: JSON.stringify(asks) })
    expect([answer.status, await answer.text(), inFlight(limited)]).toEqual([200, body, 0])
    await limited.close()
  }
  expect(server.calls).toHaveLength(2)
})

it("nothing to the end: the SDK throws, with a code that says so", async () => {
  const server = await scriptedServer((_n, answer) => {
    answer.writeHead(200, { "content-type": "application/json" }).end("{}")
  })
  const limited = limitedFetch({ clock: fastClock(), retry: { maxAttempts: 2 } })
  await expect(openai(server.url, limited)).rejects.toMatchObject({ status: 502 })
  const events: SluiceEvent[] = []
  const told = limitedFetch({ clock: fastClock(), retry: { maxAttempts: 1 }, onEvent: (event) => events.push(event) })
  await expect(openai(server.url, told)).rejects.toMatchObject({ status: 502 })
  expect(events).toContainEqual(expect.objectContaining({ type: "http-attempt", error: "empty-answer" }))
  expect(server.calls).toHaveLength(3)
  await Promise.all([limited.close(), told.close()])
})

it("choices: null to the end: the SDK throws instead of handing over nothing", async () => {
  const server = await scriptedServer((_n, answer) => {
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ ...chat, choices: null }))
  })
  const limited = limitedFetch({ clock: fastClock(), retry: { maxAttempts: 3 } })
  await expect(openai(server.url, limited)).rejects.toMatchObject({ status: 502 })
  expect(server.calls).toHaveLength(3)
  await limited.close()
})

it("an empty stream to the end: the SDK throws", async () => {
  const server = await scriptedServer((_n, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" }).end()
  })
  const limited = limitedFetch({ clock: fastClock(), retry: { maxAttempts: 3 } })
  await expect(streamed(server.url, limited)).rejects.toMatchObject({ status: 502 })
  expect([server.calls.length, inFlight(limited)]).toEqual([3, 0])
  await limited.close()
})

it("an answer that merely carries a field called error, empty or beside its text, stays an answer", async () => {
  const bodies = [
    { ...chat, error: null },
    { ...chat, error: {} },
    { ...chat, error: "" },
    { ...chat, error: { message: "a warning" } },
  ]
  const server = await scriptedServer((n, answer) => {
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(bodies[n]))
  })
  const limited = limitedFetch()
  for (const body of bodies) expect(await openai(server.url, limited)).toMatchObject(body)
  expect(server.calls).toHaveLength(bodies.length)
  await limited.close()
})

describe("the quota hears of it as of the same error with that status", () => {
  const asJson = (body: unknown) => (answer: ServerResponse) =>
    void answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
  const asStream = (body: string) => (answer: ServerResponse) =>
    void answer.writeHead(200, { "content-type": "text/event-stream" }).end(body)
  const asStatus = (status: number, body: unknown) => (answer: ServerResponse) =>
    void answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))

  /** What the quota says of `times` answers of that kind, and when each call came; another caller asks once the gate is closed. */
  async function heard(
    send: Send,
    bad: (answer: ServerResponse) => void,
    times: number,
  ): Promise<{ told: object[]; closedMs: number; arrivals: number[] }> {
    const clock = fastClock(200)
    const server = await scriptedServer((n, answer) => {
      if (n < times) bad(answer)
      else if (send === streamed) asStream(stream)(answer)
      else asJson(send === anthropic ? claude : send === gemini ? google : chat)(answer)
    }, clock)
    const told: object[] = []
    let closedMs = Number.NaN
    let other: PromiseLike<unknown> | undefined
    const limited: LimitedFetch = limitedFetch({
      clock,
      retry: { maxAttempts: times + 1 },
      onEvent: (event) => {
        if (event.type === "throttle") told.push({ reason: event.reason, retryAfterMs: event.retryAfterMs })
        if (event.type !== "gate-close") return
        told.push({ closed: event.reason })
        closedMs = event.atMs
        other ??= send(server.url, limited)
      },
    })
    await send(server.url, limited)
    await other
    await limited.close()
    return { told, closedMs, arrivals: server.calls.map(({ atMs }) => atMs) }
  }

  it.each<[string, Send, number, unknown, (answer: ServerResponse) => void]>([
    ["a body", openai, 429, rateLimited, asJson(rateLimited)],
    ["a body beside choices: null", openai, 429, rateLimited, asJson({ ...chat, choices: null, ...rateLimited })],
    ["a stream's first event", streamed, 429, rateLimited, asStream(`data: ${JSON.stringify(rateLimited)}\n\n`)],
    ["a body where a stream was asked for", streamed, 429, rateLimited, asJson(rateLimited)],
    [
      "Anthropic's",
      anthropic,
      429,
      { type: "error", error: { type: "rate_limit_error", message: "try again in 3s" } },
      asJson({ type: "error", error: { type: "rate_limit_error", message: "try again in 3s" } }),
    ],
    [
      "Gemini's list",
      gemini,
      429,
      [{ error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Please retry in 3s." } }],
      asJson([{ error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Please retry in 3s." } }]),
    ],
  ])("%s that says 429: the gate is closed for its delay, to others too", async (_name, send, status, body, hidden) => {
    const { told, closedMs, arrivals } = await heard(send, hidden, 1)
    expect(told).toEqual([{ reason: "rate", retryAfterMs: 3000 }, { closed: "rate" }])
    expect(told).toEqual((await heard(send, asStatus(status, body), 1)).told)
    expect(arrivals).toHaveLength(3)
    for (const atMs of arrivals.slice(1)) expect(atMs - closedMs).toBeGreaterThanOrEqual(2_999)
  })

  it.each<[string, Send, (answer: ServerResponse) => void]>([
    ["nothing", openai, asJson({})],
    ["choices: null", openai, asJson({ ...chat, choices: null })],
    ["a text", openai, asJson({ error: "upstream connect error" })],
    ["an empty stream", streamed, asStream("")],
    ["a stream of nothing but its end", streamed, asStream("data: [DONE]\n\n")],
    ["a stream's first event", streamed, asStream('data: {"error":"upstream broke"}\n\n')],
  ])("%s five times in a row: the gate is closed as by five of 502", async (_name, send, hidden) => {
    const { told } = await heard(send, hidden, 5)
    expect(told).toEqual([{ closed: "outage" }])
    expect(told).toEqual((await heard(send, asStatus(502, { error: { message: "Bad gateway" } }), 5)).told)
  })
})
