import { context, SpanKind, trace } from "@opentelemetry/api"
import type { EventSink, SluiceEvent } from "@sluice/core"
import { createDefine } from "@sluice/core"
import { startVendor } from "@sluice/lab"
import { limitedFetch, openaiOptions } from "@sluice/providers"
import { systemRuntime } from "@sluice/scheduler"
import OpenAI from "openai"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { telemetry, type TelemetryOptions } from "../src/index.ts"
import type { CollectedSpan } from "./collector.ts"
import { setUp, type SetUp } from "./set-up.ts"

const { batch, step, flow } = createDefine(systemRuntime)<{ questions: string[] }>()
const apiKey = "sk-proj-abcdefghijklmnop1234"

interface Ran extends SetUp {
  readonly port: number
  readonly otel: EventSink
}

/** Four questions, two at a time, to a vendor that fails a third of the calls; OpenAI's SDK is instrumented, as far as a span goes. */
async function ask(options: TelemetryOptions = {}, stream = false): Promise<Ran> {
  const set = await setUp()
  const vendor = await startVendor({
    latency: { baseMs: 20 },
    faults: { schedule: [{ kind: "error503", fromMs: 0, rate: 0.34 }] },
    answer: { text: "a secret answer" },
  })
  onTestFinished(() => vendor.stop())
  const otel = telemetry({ ...set.providers, ...options })
  const fetch = limitedFetch({
    vendor: "openai",
    concurrency: 2,
    onEvent: otel,
    retry: { maxAttempts: 9, backoff: { initialMs: 20 } },
    prices: { "gpt-5-mini": { input: 1, output: 2 } },
  })
  const client = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey, ...openaiOptions(fetch) })
  const instrumented = set.providers.tracerProvider.getTracer("an-instrumented-sdk")
  const app = flow({
    name: "app",
    nodes: {
      answer: batch({
        name: "answer",
        prep: ({ questions }) => questions,
        exec: (question) =>
          instrumented.startActiveSpan("sdk", async (span) => {
            const asked = {
              model: "gpt-5-mini",
              messages: [{ role: "user" as const, content: question }],
              max_tokens: 20,
            }
            if (stream) for await (const _ of await client.chat.completions.create({ ...asked, stream })) void 0
            else await client.chat.completions.create(asked)
            span.end()
          }),
      }),
    },
    start: "answer",
  })
  const questions = Array.from({ length: 4 }, (_, n) => `a secret question ${n}`)
  await app.run({ questions }, { onEvent: otel, runId: "r1" })
  await set.flush()
  return { ...set, otel, port: Number(new URL(vendor.url).port) }
}

function parentOf(span: CollectedSpan, spans: readonly CollectedSpan[]): CollectedSpan | undefined {
  return spans.find(({ spanId }) => spanId === span.parentSpanId)
}

/** Names from the root to the span. */
function pathOf(span: CollectedSpan, spans: readonly CollectedSpan[]): string {
  const parent = parentOf(span, spans)
  return parent ? `${pathOf(parent, spans)} > ${span.name}` : span.name
}

describe("spans, as a collector gets them", () => {
  it("form one tree: run, node, item, attempt, what the SDK makes itself, call, and inside it waits, HTTP attempts and backoffs", async () => {
    const { spans, port } = await ask()
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
    const call = "run app > node app > node app/answer > item app/answer > attempt > sdk > chat gpt-5-mini"
    expect(new Set(spans.map((span) => pathOf(span, spans)))).toEqual(
      new Set([
        "run app",
        "run app > node app",
        "run app > node app > node app/answer",
        "run app > node app > node app/answer > item app/answer",
        "run app > node app > node app/answer > item app/answer > attempt",
        "run app > node app > node app/answer > item app/answer > attempt > sdk",
        call,
        `${call} > POST`,
        `${call} > backoff`,
        `${call} > admission wait`,
      ]),
    )
    const named = (name: string): CollectedSpan[] => spans.filter((span) => span.name === name)
    expect(named("item app/answer").map(({ attributes }) => attributes["sluice.item.index"])).toEqual(
      expect.arrayContaining([0, 1, 2, 3]),
    )
    for (const span of named("chat gpt-5-mini")) {
      expect(span.kind - 1).toBe(SpanKind.CLIENT)
      expect(span.attributes).toMatchObject({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.request.max_tokens": 20,
        "gen_ai.response.model": "gpt-5-mini",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.id": expect.stringContaining("chatcmpl"),
        "gen_ai.usage.input_tokens": expect.any(Number),
        "gen_ai.usage.output_tokens": expect.any(Number),
        "server.address": "127.0.0.1",
        "server.port": port,
      })
      expect(span.attributes).not.toHaveProperty("gen_ai.system")
      expect(span.status).toBe(0)
    }
    const refused = named("POST").filter(({ status }) => status === 2)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]!.attributes).toMatchObject({ "http.response.status_code": 503, "error.type": expect.any(String) })
    const sent = named("POST").filter(({ status }) => status === 0)
    expect(sent).toHaveLength(4)
    for (const span of sent) {
      expect(span.attributes["sluice.request_id"]).toMatch(/./)
      expect(span.endMs - span.startMs).toBeGreaterThanOrEqual(15)
    }
    for (const { attributes } of named("admission wait"))
      expect(attributes["sluice.blocked_by"]).toMatch(/concurrency|calls/)
    // What is inside is inside in time too, and it is now.
    for (const span of spans) {
      const parent = parentOf(span, spans)
      if (!parent || span.scope !== parent.scope) continue
      expect(span.startMs, pathOf(span, spans)).toBeGreaterThanOrEqual(parent.startMs)
      expect(span.endMs, pathOf(span, spans)).toBeLessThanOrEqual(parent.endMs + 0.001)
    }
    expect(Math.abs(spans[0]!.startMs - Date.now())).toBeLessThan(60_000)
  })

  it("of a stream last until its end, and say when its first bytes came", async () => {
    const { spans, metrics } = await ask({}, true)
    for (const span of spans.filter(({ name }) => name === "chat gpt-5-mini")) {
      expect(span.attributes).toMatchObject({
        "gen_ai.request.stream": true,
        "gen_ai.response.finish_reasons": ["stop"],
      })
      expect(span.attributes["gen_ai.response.time_to_first_chunk"]).toBeGreaterThan(0)
    }
    expect(metrics.get("gen_ai.client.operation.time_to_first_chunk")).toMatchObject({
      unit: "s",
      kind: "histogram",
      points: [{ count: 4 }],
    })
  })

  it("carry prompts and answers only when asked for, and a key never", async () => {
    for (const stream of [false, true]) {
      const silent = await ask({}, stream)
      expect(silent.sent.join("")).not.toMatch(/a secret/)
      const telling = await ask({ content: true }, stream)
      const call = telling.spans.find(({ name }) => name === "chat gpt-5-mini")!
      expect(JSON.parse(String(call.attributes["gen_ai.input.messages"]))).toEqual([
        { role: "user", parts: [{ type: "text", content: expect.stringMatching(/^a secret question \d$/) }] },
      ])
      expect(JSON.parse(String(call.attributes["gen_ai.output.messages"]))).toEqual([
        { role: "assistant", parts: [{ type: "text", content: "a secret answer" }], finish_reason: "stop" },
      ])
      for (const { sent } of [silent, telling]) expect(sent.join("")).not.toContain(apiKey)
    }
  })
})

it("metrics have the names, units and boundaries that dashboards expect", async () => {
  const { metrics, spans } = await ask()
  const calls = spans.filter(({ name }) => name === "chat gpt-5-mini")
  const of = (name: string): readonly [string | undefined, string | undefined] => [
    metrics.get(name)?.unit,
    metrics.get(name)?.kind,
  ]
  expect(of("gen_ai.client.operation.duration")).toEqual(["s", "histogram"])
  expect(of("gen_ai.client.token.usage")).toEqual(["{token}", "histogram"])
  expect(of("sluice.quota.limit")).toEqual(["", "gauge"])
  expect(of("sluice.quota.level")).toEqual(["", "gauge"])
  expect(of("sluice.quota.in_flight")).toEqual(["{call}", "sum"])
  expect(of("sluice.quota.waiting")).toEqual(["{call}", "sum"])
  expect(of("sluice.quota.gate_closed")).toEqual(["s", "sum"])
  expect(of("sluice.items")).toEqual(["{item}", "sum"])
  expect(of("sluice.cost_usd")).toEqual(["{USD}", "sum"])

  const duration = metrics.get("gen_ai.client.operation.duration")!.points
  expect(duration).toHaveLength(1)
  expect(duration[0]).toMatchObject({
    count: 4,
    bounds: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  })
  const spanned = calls.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / 1000
  expect(duration[0]!.sum).toBeCloseTo(spanned, 2)
  expect(duration[0]!.attributes).toEqual({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.response.model": "gpt-5-mini",
    "server.address": "127.0.0.1",
    "server.port": expect.any(Number),
  })
  const usage = metrics.get("gen_ai.client.token.usage")!.points
  const total = (type: string): number =>
    calls.reduce((sum, { attributes }) => sum + Number(attributes[`gen_ai.usage.${type}_tokens`]), 0)
  for (const type of ["input", "output"])
    expect(usage.find(({ attributes }) => attributes["gen_ai.token.type"] === type)).toMatchObject({
      count: 4,
      sum: total(type),
    })
  expect(metrics.get("sluice.items")!.points).toEqual([
    { attributes: { "sluice.node": "app/answer", "sluice.status": "ok" }, value: 4 },
  ])
  // Told by the calls and by the run, counted once.
  const usd = (total("input") * 1 + total("output") * 2) / 1e6
  expect(metrics.get("sluice.cost_usd")!.points[0]!.value).toBeCloseTo(usd, 9)
  expect(metrics.get("sluice.quota.limit")!.points).toEqual([
    {
      attributes: {
        "sluice.quota": expect.stringMatching(/^openai\/\w+\/\*$/),
        "sluice.limit": "concurrency",
        "sluice.dimension": "concurrency",
      },
      value: 2,
    },
  ])
  expect(metrics.get("sluice.quota.in_flight")!.points[0]!.value).toBe(0)
})

it("with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental what has another name since v1.41 has that alone", async () => {
  vi.stubEnv("OTEL_SEMCONV_STABILITY_OPT_IN", "http,gen_ai_latest_experimental")
  onTestFinished(() => void vi.unstubAllEnvs())
  const { metrics, spans, otel, flush } = await ask()
  const call = spans.find(({ name }) => name === "chat gpt-5-mini")!
  expect(call.attributes).toHaveProperty(["gen_ai.usage.cache_write.input_tokens"])
  expect(call.attributes).not.toHaveProperty(["gen_ai.usage.cache_creation.input_tokens"])
  const usage = { inputTokens: 7, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0 }
  const ended = { type: "call-end", vendor: "openai", model: "e", stream: false, status: "ok", attempts: 1 }
  otel({ ...ended, endpoint: "embeddings", usage, startMs: 1, atMs: 2 } as SluiceEvent)
  otel({ ...ended, endpoint: "messages", stream: true, firstChunkMs: 3, startMs: 1, atMs: 5 } as SluiceEvent)
  await flush()
  const recorded = [...metrics]
    .filter(([name]) => name.startsWith("gen_ai."))
    .map(([name, { unit, points }]) => `${name} ${unit} ${points.reduce((sum, each) => sum + each.count!, 0)}`)
  expect(recorded.toSorted()).toEqual([
    "gen_ai.client.embeddings.duration s 1",
    "gen_ai.client.embeddings.operation.input_tokens {token} 1",
    "gen_ai.client.inference.duration s 5",
    "gen_ai.client.inference.operation.input_tokens {token} 4",
    "gen_ai.client.inference.operation.output_tokens {token} 4",
    "gen_ai.client.inference.time_to_first_chunk s 1",
  ])
  const tokens = metrics.get("gen_ai.client.inference.operation.input_tokens")!.points[0]!
  expect(tokens.attributes).not.toHaveProperty(["gen_ai.token.type"])
})

it("a vendor's refusals, its closed gate and what the gate keeps waiting are seen", async () => {
  const set = await setUp()
  const vendor = await startVendor({
    limits: { requests: { limit: 60, burst: 2 } },
    headers: "none",
    retryAfter: "exact",
  })
  onTestFinished(() => vendor.stop())
  const onEvent = telemetry(set.providers)
  const fetch = limitedFetch({
    vendor: "openai",
    requestsPerMinute: 6000,
    onEvent,
    // The gate stays closed a little longer than the vendor said, by chance: here always, so that it is what is waited for.
    random: { next: () => 0.9 },
  })
  const call = (n: number): Promise<Response> =>
    fetch(`${vendor.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: `${n}` }] }),
    })
  const request = set.providers.tracerProvider.getTracer("app").startSpan("GET /chat")
  await context.with(trace.setSpan(context.active(), request), () => Promise.all([1, 2, 3].map(call)))
  request.end()
  await set.flush()
  const { spans, metrics } = set
  expect(new Set(spans.map((span) => pathOf(span, spans)))).toEqual(
    new Set(["GET /chat", "GET /chat > chat m", "GET /chat > chat m > POST", "GET /chat > chat m > admission wait"]),
  )
  const refusals = spans.filter(({ attributes }) => attributes["http.response.status_code"] === 429)
  expect(refusals.length).toBeGreaterThan(0)
  expect(metrics.get("sluice.quota.refused")).toMatchObject({
    unit: "{call}",
    kind: "sum",
    points: [{ value: refusals.length, attributes: { "sluice.reason": "rate" } }],
  })
  const waits = spans.filter(({ name }) => name === "admission wait")
  expect(waits.some(({ attributes }) => String(attributes["sluice.blocked_by"]).includes("gate"))).toBe(true)
  const closed = metrics.get("sluice.quota.gate_closed")!.points[0]!.value!
  const longest = Math.max(...waits.map(({ startMs, endMs }) => endMs - startMs)) / 1000
  expect(closed).toBeGreaterThan(longest / 2)
  expect(closed).toBeLessThan(longest + 1)
})

it("attempts and backoffs of a batch's own retry are spans, and a failure has its code", async () => {
  const set = await setUp()
  const onEvent = telemetry(set.providers)
  const node = step({
    name: "node",
    retry: { maxAttempts: 3, backoff: { initialMs: 30, jitter: "none", factor: 1 } },
    exec: () => {
      throw Object.assign(new Error("about sk-proj-abcdefghijklmnop1234 and a secret"), { code: "ENOPE" })
    },
  })
  await node.run({ questions: [] }, { onEvent }).catch(() => {})
  await set.flush()
  const { spans } = set
  const inside = spans
    .filter((span) => parentOf(span, spans)?.name === "node node")
    .toSorted((a, b) => a.startMs - b.startMs)
  expect(inside.map(({ name }) => name)).toEqual(["attempt", "backoff", "attempt", "backoff", "attempt"])
  expect(inside[1]!.endMs - inside[1]!.startMs).toBeGreaterThanOrEqual(29)
  for (const span of spans.filter(({ name }) => name !== "backoff"))
    expect(span).toMatchObject({ status: 2, attributes: { "error.type": "ENOPE" } })
  expect(set.sent.join("")).not.toMatch(/secret|sk-proj/)
})
