import { AsyncLocalStorage } from "node:async_hooks"
import type { BegunWork, EventSink, SluiceEvent } from "@sluice/core"
import { describe, expect, it, vi } from "vitest"
import { limitedFetch, type LimitedFetchOptions } from "../../../src/index.ts"
import { hideLater } from "../../../src/call/hide-secrets.ts"
import { bench, completion, eventStream, json, openaiError } from "../../fake-vendor.ts"

const streamed = [
  '{"id":"chatcmpl-7","model":"gpt-5-mini-2026","choices":[{"index":0,"delta":{"content":"a secret"}}]}',
  '{"id":"chatcmpl-7","model":"gpt-5-mini-2026","choices":[{"index":0,"delta":{"content":" answer"},"finish_reason":null}]}',
  '{"id":"chatcmpl-7","model":"gpt-5-mini-2026","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}',
  '{"id":"chatcmpl-7","model":"gpt-5-mini-2026","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}',
  "[DONE]",
].map((data) => `data: ${data}\n\n`)

type Told<T extends SluiceEvent["type"]> = Extract<SluiceEvent, { type: T }>
const told = <T extends SluiceEvent["type"]>(events: readonly SluiceEvent[], type: T): Told<T>[] =>
  events.filter((event): event is Told<T> => event.type === type)

describe("http-attempt", () => {
  it("says when it was sent, how long it took, and the vendor's id of the request", async () => {
    const { chat, clock, events } = bench(async (n) => {
      await new Promise<void>((resolve) => void clock.setTimer(n === 0 ? 200 : 700, resolve))
      return n === 0
        ? openaiError(500, "server_error", { "x-request-id": "req_a" })
        : completion(undefined, { "x-request-id": "req_b" })
    })
    await clock.run(chat())
    const [first, second] = told(events, "http-attempt")
    expect(first).toMatchObject({ startMs: 0, durationMs: 200, status: 500, requestId: "req_a", delayMs: 750 })
    expect(second).toMatchObject({ startMs: 950, durationMs: 700, status: 200, requestId: "req_b", decision: "ok" })
  })
})

describe("who listens", () => {
  /** Names of the answer's headers that were looked at. */
  async function lookedAt(options: LimitedFetchOptions): Promise<string[]> {
    const answer = completion(undefined, { "x-request-id": "req_a" })
    const get = vi.spyOn(answer.headers, "get")
    const fetch = limitedFetch({ fetch: async () => answer, ...options })
    const body = JSON.stringify({ model: "gpt-5-mini", messages: [] })
    await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body })
    return get.mock.calls.map(([name]) => name)
  }

  it("is told the id of the request, and without anybody it is not looked for", async () => {
    expect(await lookedAt({ onEvent: () => {} })).toContain("x-request-id")
    expect(await lookedAt({})).not.toContain("x-request-id")
  })

  it("hears of a call whose credentials were looked up once for all that is told of it, and of others not at all", () => {
    let lookedUp = 0
    const hide = hideLater(() => (lookedUp++, ["sk-secret"]))
    expect(lookedUp).toBe(0)
    expect([hide("the key sk-secret"), hide("sk-secret again")]).toEqual(["the key [redacted]", "[redacted] again"])
    expect(lookedUp).toBe(1)
  })
})

describe("call-end", () => {
  it("tells of the whole call: attempts, the model that answered, why it stopped, tokens", async () => {
    const { chat, clock, events } = bench((n) =>
      n === 0
        ? openaiError(429, "rate_limit_exceeded", { "retry-after": "2" })
        : json(200, {
            id: "chatcmpl-1",
            model: "gpt-5-mini-2026",
            choices: [
              { index: 1, finish_reason: "length" },
              { index: 0, finish_reason: "stop" },
            ],
            usage: { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 4 } },
          }),
    )
    await clock.run(chat({ body: { max_tokens: 50 } }))
    expect(told(events, "call-end")).toEqual([
      {
        type: "call-end",
        atMs: expect.any(Number),
        startMs: 0,
        status: "ok",
        attempts: 2,
        vendor: "openai",
        endpoint: "chat/completions",
        model: "gpt-5-mini",
        stream: false,
        host: "api.openai.com",
        port: 443,
        maxOutputTokens: 50,
        responseModel: "gpt-5-mini-2026",
        responseId: "chatcmpl-1",
        finishReasons: ["stop", "length"],
        usage: { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, cacheWriteTokens: 0 },
      },
    ])
    expect(events.findIndex(({ type }) => type === "call-end")).toBe(events.length - 1)
  })

  it("of a stream comes when it has ended, with the time of its first bytes", async () => {
    const { chat, clock, events } = bench(async () => {
      await new Promise<void>((resolve) => void clock.setTimer(300, resolve))
      return eventStream(streamed, () => new Promise((resolve) => void clock.setTimer(100, resolve)))
    })
    const response = await clock.run(chat({ body: { stream: true } }))
    expect(told(events, "call-end")).toEqual([])
    expect(told(events, "http-attempt")).toMatchObject([{ durationMs: 300, decision: "ok" }])
    await clock.run(response.text())
    const [end] = told(events, "call-end")
    expect(end).toMatchObject({ status: "ok", stream: true, startMs: 0, firstChunkMs: 300, finishReasons: ["length"] })
    expect(end).toMatchObject({ responseModel: "gpt-5-mini-2026", responseId: "chatcmpl-7", attempts: 1 })
    expect(end?.usage).toEqual({ inputTokens: 3, outputTokens: 2, cachedInputTokens: 0, cacheWriteTokens: 0 })
    expect(end?.atMs).toBeGreaterThanOrEqual(800)
    expect(told(events, "http-attempt")).toHaveLength(1)
  })

  it.each<[string, object]>([
    [
      "messages",
      { type: "message", id: "msg_1", model: "claude", stop_reason: "max_tokens", usage: { input_tokens: 1 } },
    ],
    ["responses", { object: "response", id: "msg_1", model: "claude", status: "completed" }],
    ["responses", { object: "response", id: "msg_1", model: "claude", incomplete_details: { reason: "max_tokens" } }],
    [
      "models/x:generateContent",
      { responseId: "msg_1", modelVersion: "claude", candidates: [{ finishReason: "MAX_TOKENS" }] },
    ],
    ["api/chat", { id: "msg_1", model: "claude", done_reason: "max_tokens", done: true }],
    ["v2/chat", { id: "msg_1", model: "claude", finish_reason: "MAX_TOKENS" }],
  ])("reads what an answer of %s says of itself: %j", async (path, body) => {
    const { chat, clock, events } = bench(() => json(200, body))
    await clock.run(chat({ url: `https://gateway.example/v1/${path}` }))
    expect(told(events, "call-end")).toMatchObject([{ responseModel: "claude", responseId: "msg_1" }])
    expect(told(events, "call-end")[0]?.finishReasons?.[0]).toMatch(/^(max_tokens|completed)$/i)
  })

  it("says how a call failed, and that one was cancelled: waiting, answering, or streaming", async () => {
    const failing = bench(() => openaiError(400, "context_length_exceeded"))
    await failing.clock.run(failing.chat())
    expect(told(failing.events, "call-end")).toMatchObject([
      { status: "failed", error: "context_length_exceeded", attempts: 1 },
    ])

    const abort = new AbortController()
    const slow = bench(() => new Promise<Response>(() => {}))
    const call = slow.chat({ signal: abort.signal }).catch(() => {})
    await slow.clock.advance(10)
    abort.abort()
    await call
    expect(told(slow.events, "call-end")).toMatchObject([{ status: "cancelled", attempts: 1 }])

    const cut = bench(() => eventStream(streamed))
    const response = await cut.clock.run(cut.chat({ body: { stream: true } }))
    await response.body!.cancel()
    expect(told(cut.events, "call-end")).toMatchObject([{ status: "cancelled", usage: { estimated: true } }])

    const broken = bench(() => eventStream(streamed.slice(0, 2), () => Promise.reject(new Error("reset"))))
    const half = await broken.clock.run(broken.chat({ body: { stream: true } }))
    await half.text().catch(() => {})
    expect(told(broken.events, "call-end")).toMatchObject([{ status: "failed", error: "connection" }])
  })

  it("carries prompt and answer only to a sink that wants them, and never a key", async () => {
    for (const wantsContent of [false, true]) {
      for (const isStream of [false, true]) {
        const events: SluiceEvent[] = []
        const onEvent = Object.assign((event: SluiceEvent) => void events.push(event), { wantsContent })
        const { chat, clock } = bench(
          () =>
            isStream ? eventStream(streamed) : json(200, { choices: [{ message: { content: "a secret answer" } }] }),
          { onEvent },
        )
        const response = await clock.run(chat({ body: { stream: isStream } }))
        await clock.run(response.text())
        const text = JSON.stringify(events)
        expect(text.includes("a secret prompt")).toBe(wantsContent)
        expect(text.includes(isStream ? " answer" : "a secret answer")).toBe(wantsContent)
        expect(text).not.toContain("sk-secret")
      }
    }
  })
})

it("a call runs inside what the sink puts around it, and all that is told of it is told there", async () => {
  const around = new AsyncLocalStorage<BegunWork>()
  const seen: (readonly [string, BegunWork | undefined])[] = []
  const onEvent: EventSink = Object.assign((event: SluiceEvent) => void seen.push([event.type, around.getStore()]), {
    within: <R>(work: BegunWork, fn: () => R): R => around.run(work, fn),
  })
  const { chat, clock, sent } = bench((n) => (n === 0 ? openaiError(500, "server_error") : eventStream(streamed)), {
    onEvent,
    concurrency: 1,
  })
  const calls = ["a", "b"].map((model) => chat({ model, body: { stream: true } }))
  // Read by somebody else, elsewhere.
  await clock.run(Promise.all(calls.map(async (call) => (await call).text())))
  expect(sent).toHaveLength(3)
  const modelsOf = (type: SluiceEvent["type"]): string =>
    seen.flatMap(([each, work]) => (each === type ? [work?.type === "call" ? work.model : "none"] : [])).join()
  // The second waits for the place of the first, which then rests and is tried again.
  const told = ["permit-wait", "permit-admit", "http-attempt", "usage", "call-end"] as const
  expect(told.map(modelsOf)).toEqual(["b", "a,b,a", "a,b,a", "b,a", "b,a"])
  expect(seen[0]?.[1]).toMatchObject({
    type: "call",
    vendor: "openai",
    host: "api.openai.com",
    port: 443,
    stream: true,
  })
  expect(seen[0]?.[1]).toMatchObject({ atMs: 0, wallMs: Date.parse("2026-11-24T10:00:00Z") })
})
