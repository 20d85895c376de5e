import { AnthropicVertex } from "@anthropic-ai/vertex-sdk"
import type { SluiceEvent } from "@sluice/core"
import { expect, it, vi } from "vitest"
import { anthropicOptions, limitedFetch, type LimitedFetchOptions } from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const model = "claude-sonnet-5@20260401"
const path = `/v1/projects/my-project/locations/europe-west1/publishers/anthropic/models/${model}`
const usage = { input_tokens: 7, cache_read_input_tokens: 100, output_tokens: 1 }
const message = {
  id: "msg_vrtx_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-5",
  content: [{ type: "text", text: "fine" }],
  stop_reason: "end_turn",
  usage: { ...usage, output_tokens: 3 },
}
const sse = (events: readonly { readonly type: string }[]): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("")
const stream = sse([
  { type: "message_start", message: { ...message, content: [], stop_reason: null, usage } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "fine" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } },
  { type: "message_stop" },
] as never)
const exhausted = {
  error: {
    code: 429,
    status: "RESOURCE_EXHAUSTED",
    message: "Quota exceeded for online_prediction_requests_per_base_model",
  },
}

/** Google's SDK for Claude, with a stand-in for Google's log-in whose token is a new one each time, and for Vertex. */
async function setUp(refusals: readonly [status: number, body: object][] = [], options: LimitedFetchOptions = {}) {
  const clock = fastClock()
  const server = await scriptedServer((n, response, request) => {
    const refused = refusals[n]
    const isStream = request.url!.includes(":streamRawPredict")
    response.writeHead(refused?.[0] ?? 200, {
      "content-type": refused || !isStream ? "application/json" : "text/event-stream",
    })
    response.end(refused ? JSON.stringify(refused[1]) : isStream ? stream : JSON.stringify(message))
  }, clock)
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ clock, onEvent: (event) => events.push(event), ...options })
  let tokens = 0
  const client = new AnthropicVertex({
    ...anthropicOptions(limited),
    baseURL: `${server.url}/v1`,
    region: "europe-west1",
    projectId: "my-project",
    authClient: {
      projectId: "my-project",
      getRequestHeaders: async () => new Headers({ authorization: `Bearer ya29.token-${tokens++}` }),
    } as never,
  })
  const ask = { model, max_tokens: 9, messages: [{ role: "user" as const, content: "hi" }] }
  return { server, limited, events, client, ask }
}

it("a call is known by its path, its usage is read, and renewed tokens are one account", async () => {
  const { server, limited, events, client, ask } = await setUp()
  for (let n = 0; n < 3; n++)
    expect((await client.messages.create(ask)).content).toMatchObject([{ type: "text", text: "fine" }])
  expect(server.calls.map(({ path: of }) => of)).toEqual(Array.from({ length: 3 }, () => `${path}:rawPredict`))
  expect(JSON.parse(server.calls[0]!.body)).toMatchObject({ anthropic_version: expect.any(String) })
  expect(limited.snapshot().map(({ name }) => name.split("/").slice(2).join("/"))).toEqual([model])
  expect(events.filter(({ type }) => type === "usage")).toMatchObject(
    Array.from({ length: 3 }, () => ({ model, cost: { inputTokens: 107, outputTokens: 3 }, cachedInputTokens: 100 })),
  )
})

it("a stream holds its place to its end, and its usage is read", async () => {
  const { server, limited, events, client, ask } = await setUp()
  const answer = await client.messages.stream(ask).finalMessage()
  expect(answer.content).toMatchObject([{ text: "fine" }])
  expect(server.calls[0]!.path).toBe(`${path}:streamRawPredict`)
  expect(events.find(({ type }) => type === "usage")).toMatchObject({
    model,
    cost: { inputTokens: 107, outputTokens: 3 },
  })
  expect(inFlight(limited)).toBe(0)
})

it("what is told is kept: one call a minute", async () => {
  const { events, client, ask } = await setUp([], { limits: { "claude-*": { requestsPerMinute: 1 } } })
  await Promise.all([client.messages.create(ask), client.messages.create(ask), client.messages.create(ask)])
  const [first, second, third] = events.filter(({ type }) => type === "permit-admit").map(({ atMs }) => atMs)
  expect(second! - first!).toBeGreaterThanOrEqual(59_000)
  expect(third! - second!).toBeGreaterThanOrEqual(59_000)
})

it.each<[string, number, object, string]>([
  ["Google's, too fast", 429, exhausted, "wait"],
  ["Google's, no capacity", 503, { error: { code: 503, status: "UNAVAILABLE", message: "busy" } }, "retry"],
  [
    "Anthropic's, overloaded",
    529,
    { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    "retry",
  ],
  ["Google's, inside HTTP 200", 200, [exhausted], "wait"],
])("a refusal: %s", async (_name, status, body, decision) => {
  const { server, limited, events, client, ask } = await setUp([[status, body]])
  await client.messages.create(ask)
  expect(server.calls).toHaveLength(2)
  expect(events.filter(({ type }) => type === "http-attempt")).toMatchObject([{ decision }, { decision: "ok" }])
  expect(inFlight(limited)).toBe(0)
})

it("counting tokens is no model call", async () => {
  const { server, limited, client, ask } = await setUp([[200, { input_tokens: 7 }]])
  expect(await client.messages.countTokens({ model, messages: ask.messages })).toMatchObject({ input_tokens: 7 })
  expect(server.calls[0]!.path).toContain("/models/count-tokens:rawPredict")
  expect(limited.snapshot()).toEqual([])
})
