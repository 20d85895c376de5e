import { createOpenAI } from "@ai-sdk/openai"
import { createDefine, type EventSink } from "@sluice/core"
import { type ServerOptions, startVendor } from "@sluice/lab"
import { aiSdkMiddleware } from "@sluice/providers"
import { systemRuntime } from "@sluice/scheduler"
import { generateText, type LanguageModel, streamText, wrapLanguageModel } from "ai"
import fastify from "fastify"
import { expect, it, onTestFinished, vi } from "vitest"
import { telemetry } from "../src/index.ts"
import { setUp, type SetUp } from "./set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

async function vendorUrl(server: ServerOptions = {}): Promise<string> {
  const latency = { baseMs: 1, perOutputTokenMs: 0 }
  const vendor = await startVendor({ latency, answer: { text: "Because." }, ...server })
  onTestFinished(() => vendor.stop())
  return vendor.url
}

interface Wrapped extends SetUp {
  readonly model: LanguageModel
  readonly onEvent: EventSink
  /** The calls' spans. */
  calls(): Promise<SetUp["spans"]>
}

/** A model of the AI SDK's own provider, which sends by itself, wrapped; another SDK's spans are not asked for. */
async function wrapped({ url, content = false }: { url: string; content?: boolean }): Promise<Wrapped> {
  const set = await setUp()
  const onEvent = telemetry({ ...set.providers, content })
  const model = wrapLanguageModel({
    model: createOpenAI({ apiKey: "sk-of-nobody", baseURL: `${url}/v1` }).chat("lab-small"),
    middleware: aiSdkMiddleware({ concurrency: 1, onEvent }),
  })
  const calls = async (): Promise<SetUp["spans"]> => {
    await set.flush()
    return set.spans.filter(({ name }) => name === "chat lab-small")
  }
  return { ...set, model, calls, onEvent }
}

const told = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.request.model": "lab-small",
  "gen_ai.response.model": "lab-small",
  "gen_ai.response.id": expect.stringMatching(/./) as string,
  "gen_ai.response.finish_reasons": ["stop"],
  "gen_ai.usage.input_tokens": 1,
  "gen_ai.usage.output_tokens": 2,
  "sluice.attempts": 1,
}

it("a call through a wrapped model is a span inside its item's attempt, with its wait and its request in it", async () => {
  const set = await wrapped({ url: await vendorUrl() })
  const node = createDefine(systemRuntime)().batch({
    name: "node",
    prep: () => ["Why?", "Why?"],
    exec: async (prompt: string) => (await generateText({ model: set.model, prompt })).text,
  })
  await node.run({}, { onEvent: set.onEvent })
  const calls = await set.calls()
  expect(calls).toHaveLength(2)
  const attempts = new Set(set.spans.filter(({ name }) => name === "attempt").map(({ spanId }) => spanId))
  expect(new Set(calls.map(({ parentSpanId }) => parentSpanId))).toEqual(attempts)
  for (const { kind, status, attributes } of calls) {
    expect({ kind, status }).toEqual({ kind: 3, status: 0 })
    expect(attributes).toMatchObject(told)
    // Where it goes is the provider's own affair.
    expect(Object.keys(attributes).filter((name) => /^server\.|messages|estimated|\.stream$/.test(name))).toEqual([])
  }
  const ids = new Set(calls.map(({ spanId }) => spanId))
  const inside = (name: string): unknown[] =>
    set.spans.filter((span) => span.name === name && ids.has(span.parentSpanId ?? "")).map((span) => span.attributes)
  expect(inside("admission wait")).toMatchObject([{ "sluice.blocked_by": "concurrency" }])
  expect(inside("POST")).toMatchObject([{ "sluice.decision": "ok" }, { "sluice.decision": "ok" }])
  expect(set.metrics.get("gen_ai.client.operation.duration")).toMatchObject({ unit: "s", points: [{ count: 2 }] })
})

it("a streamed call lasts until its stream has been read, with the time of its first token and, asked for, what was said", async () => {
  const set = await wrapped({ url: await vendorUrl(), content: true })
  let said = ""
  for await (const piece of streamText({ model: set.model, system: "Be brief.", prompt: "Why?" }).textStream)
    said += piece
  expect(said).toBe("Because.")
  const [call] = await set.calls()
  expect(call!.attributes).toMatchObject({
    ...told,
    "gen_ai.usage.input_tokens": expect.any(Number) as number,
    "gen_ai.request.stream": true,
    "gen_ai.response.time_to_first_chunk": expect.any(Number) as number,
  })
  expect(JSON.parse(String(call!.attributes["gen_ai.input.messages"]))).toEqual([
    { role: "system", parts: [{ type: "text", content: "Be brief." }] },
    { role: "user", parts: [{ type: "text", content: "Why?" }] },
  ])
  expect(JSON.parse(String(call!.attributes["gen_ai.output.messages"]))).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "Because." }], finish_reason: "stop" },
  ])
})

it("a refusal that is waited out is a request of the same call, and a failure has the vendor's code", async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  const refusals = [
    { status: 429, code: "rate_limit_exceeded" },
    { status: 400, code: "context_length_exceeded" },
  ]
  app.post("/v1/chat/completions", (_request, reply) => {
    const { status, code } = refusals.shift()!
    return reply
      .code(status)
      .headers({ "retry-after-ms": "5", "x-request-id": `req_${status}` })
      .send({ error: { code, message: "about sk-of-nobody" } })
  })
  const set = await wrapped({ url: await app.listen({ port: 0, host: "127.0.0.1" }) })
  await expect(generateText({ model: set.model, prompt: "Why?", maxRetries: 0 })).rejects.toMatchObject({
    statusCode: 400,
  })
  const [call, ...more] = await set.calls()
  expect(more).toEqual([])
  expect(call).toMatchObject({
    status: 2,
    attributes: { "error.type": "context_length_exceeded", "sluice.attempts": 2 },
  })
  expect(set.spans.filter(({ name }) => name === "POST").map(({ attributes }) => attributes)).toMatchObject([
    { "http.response.status_code": 429, "sluice.request_id": "req_429", "sluice.decision": "wait" },
    { "http.response.status_code": 400, "sluice.request_id": "req_400", "http.request.resend_count": 1 },
  ])
  expect(set.sent.join("")).not.toContain("sk-of-nobody")
})

it("a stream that nobody reads to its end was cancelled", async () => {
  const set = await wrapped({
    url: await vendorUrl({ latency: { baseMs: 1, perOutputTokenMs: 50 }, answer: { text: "one two three four" } }),
  })
  const controller = new AbortController()
  const { textStream } = streamText({ model: set.model, prompt: "Why?", abortSignal: controller.signal })
  for await (const _ of textStream) controller.abort()
  await vi.waitFor(async () => expect(await set.calls()).toHaveLength(1), { timeout: 30_000 })
  expect((await set.calls())[0]).toMatchObject({ status: 2, attributes: { "error.type": "cancelled" } })
})
