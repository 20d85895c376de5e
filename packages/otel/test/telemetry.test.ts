import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { context, type Tracer, trace, type TracerProvider as TracerPort } from "@opentelemetry/api"
import { AlwaysOffSampler, ParentBasedSampler } from "@opentelemetry/sdk-trace"
import { createDefine, type EventSink, type QuotaState, type SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { limitedFetch } from "@sluice/providers"
import { createQuota, systemRuntime } from "@sluice/scheduler"
import { describe, expect, it, vi } from "vitest"
import { telemetry } from "../src/index.ts"
import { setUp, type SetUp } from "./set-up.ts"

const { batch } = createDefine(systemRuntime)()
const answer = JSON.stringify({
  choices: [{ message: { content: "Yes." } }],
  usage: { prompt_tokens: 3, completion_tokens: 2 },
})
const served: typeof globalThis.fetch = async () =>
  new Response(answer, { headers: { "content-type": "application/json" } })
const url = "https://api.openai.com/v1/chat/completions"
const init = {
  method: "POST",
  body: JSON.stringify({ model: "m", messages: [] }),
  headers: { authorization: "Bearer k" },
}

/** Counts what the tracer is asked for. */
function counting(provider: TracerPort): { readonly provider: TracerPort; readonly asked: string[] } {
  const asked: string[] = []
  const tracer = provider.getTracer("counted")
  const startSpan: Tracer["startSpan"] = (name, ...rest) => {
    asked.push(name)
    return tracer.startSpan(name, ...rest)
  }
  return { asked, provider: { getTracer: () => ({ startSpan, startActiveSpan: tracer.startActiveSpan.bind(tracer) }) } }
}

/** A hundred items, each of which makes a call and, as an instrumented SDK would, a span. */
async function hundred(onEvent: EventSink, { providers }: SetUp): Promise<void> {
  const fetch = limitedFetch({ onEvent, fetch: served })
  const sdk = providers.tracerProvider.getTracer("sdk")
  const node = batch({
    name: "node",
    prep: () => Array.from({ length: 100 }, (_, n) => n),
    exec: () => sdk.startActiveSpan("sdk", async (span) => ((await fetch(url, init)).status, span.end())),
  })
  await node.run({}, { onEvent })
}

describe("sampling", () => {
  it("is decided at the root: below a run that is not sampled the tracer is not even asked, and metrics still count", async () => {
    const set = await setUp(new ParentBasedSampler({ root: new AlwaysOffSampler() }))
    const { provider, asked } = counting(set.providers.tracerProvider)
    await hundred(telemetry({ ...set.providers, tracerProvider: provider }), set)
    await set.flush()
    expect(asked).toEqual(["run node"])
    expect(set.spans).toEqual([])
    expect(set.metrics.get("sluice.items")!.points[0]!.value).toBe(100)
    expect(set.metrics.get("gen_ai.client.operation.duration")!.points[0]!.count).toBe(100)
  })

  it("of a call outside of a run goes by the caller's span", async () => {
    const set = await setUp()
    const { provider, asked } = counting(set.providers.tracerProvider)
    const fetch = limitedFetch({ onEvent: telemetry({ ...set.providers, tracerProvider: provider }), fetch: served })
    const around = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 0 }
    await context.with(trace.setSpanContext(context.active(), around), () => fetch(url, init))
    expect(asked).toEqual([])
    await context.with(trace.setSpanContext(context.active(), { ...around, traceFlags: 1 }), () => fetch(url, init))
    await set.flush()
    expect(asked).toEqual(["chat m", "POST"])
    expect(set.spans.find(({ name }) => name === "chat m")).toMatchObject({
      traceId: around.traceId,
      parentSpanId: around.spanId,
    })
  })

  it("itemRatio traces that share of the items, evenly spread, each with all that is below it", async () => {
    const set = await setUp()
    await hundred(telemetry({ ...set.providers, itemRatio: 0.1 }), set)
    await set.flush()
    const indexes = set.spans.flatMap(({ name, attributes }) =>
      name === "item node" ? [Number(attributes["sluice.item.index"])] : [],
    )
    expect(indexes.toSorted((a, b) => a - b)).toEqual([9, 19, 29, 39, 49, 59, 69, 79, 89, 99])
    for (const name of ["attempt", "sdk", "chat m", "POST"])
      expect(
        set.spans.filter((span) => span.name === name),
        name,
      ).toHaveLength(10)
    expect(set.metrics.get("sluice.items")!.points[0]!.value).toBe(100)
  })
})

it("without an SDK of OpenTelemetry nothing happens, and nothing goes wrong", async () => {
  const set = await setUp()
  context.disable()
  await hundred(telemetry(), set)
  await set.flush()
  expect(set.spans.every(({ name }) => name === "sdk")).toBe(true)
})

it("a listener beside it hears everything, surrounds everything and watches every quota", async () => {
  const set = await setUp()
  const events: SluiceEvent[] = []
  const works: string[] = []
  const states: QuotaState[] = []
  const other: EventSink = Object.assign((event: SluiceEvent) => void events.push(event), {
    within: <R>(work: { type: string }, fn: () => R): R => (works.push(work.type), fn()),
    watch: (state: () => QuotaState) => void states.push(state()),
  })
  await hundred(telemetry({ ...set.providers, onEvent: other }), set)
  await set.flush()
  expect(events.filter(({ type }) => type === "call-end")).toHaveLength(100)
  expect(works.filter((type) => type === "attempt")).toHaveLength(100)
  expect(works.filter((type) => type === "call")).toHaveLength(100)
  expect(states).toHaveLength(1)
  expect(set.spans.filter(({ name }) => name === "POST")).toHaveLength(100)
})

it("what another listener is told of prompts does not get into spans", async () => {
  const set = await setUp()
  const onEvent: EventSink = Object.assign(() => {}, { wantsContent: true })
  await limitedFetch({ onEvent: telemetry({ ...set.providers, onEvent }), fetch: served })(url, {
    ...init,
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "a secret" }] }),
  })
  await set.flush()
  expect(set.spans).toHaveLength(2)
  expect(set.sent.join("")).not.toContain("a secret")
})

it("a key in the address, or echoed by the vendor, is in nothing that is sent", async () => {
  const set = await setUp()
  const key = "AIza-a-very-secret-key-of-mine-0123456789"
  const echo = JSON.stringify({ error: { code: 400, message: `API key ${key} is odd`, status: "INVALID_ARGUMENT" } })
  const fetch = limitedFetch({
    onEvent: telemetry({ ...set.providers, content: true }),
    fetch: async () => new Response(echo, { status: 400, headers: { "content-type": "application/json" } }),
  })
  const gemini = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash:generateContent"
  const body = JSON.stringify({ contents: [{ parts: [{ text: "Why?" }] }] })
  await fetch(`${gemini}?key=${key}`, { method: "POST", body })
  await fetch(gemini, { method: "POST", body, headers: { "x-goog-api-key": key } })
  await set.flush()
  expect(set.spans.filter(({ name }) => name === "generate_content gemini-3-flash")).toMatchObject(
    [1, 2].map(() => ({
      status: 2,
      attributes: { "gen_ai.provider.name": "gcp.gemini", "error.type": "INVALID_ARGUMENT" },
    })),
  )
  expect(set.sent.join("")).not.toContain(key)
})

it.each([false, true])(
  "with content too, no key is in what is sent: neither the call's own, whatever its form and however a stream parts it, nor any that has a key's shape; stream: %s",
  async (isStream) => {
    const set = await setUp()
    const other = `sk-proj-${"a".repeat(24)}`
    const said = `own my-own-secret, another\n${other}`
    const pieces = said.split(/(?<=my-own|sk-proj-a)/)
    const echo = isStream
      ? pieces.map((content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`).join("")
      : JSON.stringify({ choices: [{ message: { role: "assistant", content: said } }] })
    const type = isStream ? "text/event-stream" : "application/json"
    const fetch = limitedFetch({
      onEvent: telemetry({ ...set.providers, content: true }),
      fetch: async () => new Response(echo, { headers: { "content-type": type } }),
    })
    const asked = `is it my-own-secret or\n${other}`
    const response = await fetch(url, {
      ...init,
      headers: { authorization: "Bearer my-own-secret" },
      body: JSON.stringify({ model: "m", stream: isStream, messages: [{ role: "user", content: asked }] }),
    })
    await response.text()
    await set.flush()
    expect(set.spans.find(({ name }) => name === "chat m")!.attributes).toMatchObject({
      "gen_ai.input.messages": expect.stringContaining("is it [redacted] or\\n[redacted]"),
      "gen_ai.output.messages": expect.stringContaining("own [redacted], another\\n[redacted]"),
    })
    expect(set.sent.join("")).not.toMatch(/my-own-secret|sk-proj-a/)
  },
)

it("what vendors name is told without keys, and makes no more than so many series of metrics", async () => {
  const set = await setUp()
  const key = `sk-proj-${"a".repeat(24)}`
  let calls = 0
  const fetch = limitedFetch({
    onEvent: telemetry(set.providers),
    fetch: async () => {
      const body = { id: `id ${key}`, model: `m${calls++} ${key}`, choices: [{ finish_reason: key }] }
      const headers = { "content-type": "application/json", "x-request-id": key }
      return new Response(JSON.stringify(body), { headers })
    },
  })
  for (let n = 0; n < 60; n++) await fetch(url, init)
  await set.flush()
  expect(set.spans.find(({ name }) => name === "chat m")!.attributes).toMatchObject({
    "gen_ai.response.id": "id [redacted]",
    "gen_ai.response.model": "m0 [redacted]",
    "gen_ai.response.finish_reasons": ["[redacted]"],
  })
  const { points } = set.metrics.get("gen_ai.client.operation.duration")!
  const models = points.map(({ attributes, count }) => [attributes["gen_ai.response.model"], count])
  expect(models).toEqual([...Array.from({ length: 40 }, (_, n) => [`m${n} [redacted]`, 1]), ["_OTHER", 20]])
  expect(set.sent.join("")).not.toContain(key)
})

it("whatever is thrown, its attempt ends and has an error.type that tells nothing else", async () => {
  const set = await setUp()
  const get = (): never => {
    throw new Error("read")
  }
  const thrown: readonly unknown[] = [
    "No answer to: my secret prompt",
    new Proxy({}, { get }),
    Object.defineProperty(new Error("m"), "code", { get }),
  ]
  for (const error of thrown) {
    const exec = (): never => {
      throw error
    }
    const node = batch({ name: "node", prep: () => [0], exec, onError: "collect" })
    // What throws as it is read ends the run.
    await node.run({}, { onEvent: telemetry(set.providers) }).catch(() => {})
  }
  await set.flush()
  const attempts = set.spans.filter(({ name }) => name === "attempt")
  expect(attempts.map(({ status, attributes }) => [status, attributes["error.type"]])).toEqual(
    thrown.map(() => [2, "_OTHER"]),
  )
  expect(set.sent.join("")).not.toContain("my secret prompt")
})

it("events that are passed on by hand become spans too, only nothing nests inside them", async () => {
  const set = await setUp()
  const otel = telemetry(set.providers)
  await hundred((event) => otel(event), set)
  await set.flush()
  const count = (name: string): number => set.spans.filter((span) => span.name === name).length
  expect(["item node", "attempt", "chat m", "POST"].map(count)).toEqual([100, 100, 100, 100])
  const items = new Set(set.spans.filter(({ name }) => name === "item node").map(({ spanId }) => spanId))
  for (const span of set.spans.filter(({ name }) => name === "chat m" || name === "attempt"))
    expect(items.has(span.parentSpanId ?? "")).toBe(true)
  expect(set.spans.find(({ name }) => name === "sdk")).not.toHaveProperty("parentSpanId")
})

it("a run that is cancelled leaves no span open", async () => {
  const set = await setUp()
  const abort = new AbortController()
  const node = batch({
    name: "node",
    prep: () => [1, 2, 3],
    exec: (n, { signal }) =>
      new Promise<void>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error))
        if (n === 3) abort.abort(new Error("enough"))
      }),
  })
  await node.run({}, { onEvent: telemetry(set.providers), signal: abort.signal }).catch(() => {})
  await set.flush()
  const ended = set.spans.map(({ name, status, attributes }) => [name, status, attributes["sluice.status"]])
  expect(ended.filter(([name]) => name === "item node")).toEqual(
    Array.from({ length: 3 }, () => ["item node", 2, "cancelled"]),
  )
  expect(ended.find(([name]) => name === "run node")).toEqual(["run node", 2, "cancelled"])
  expect(ended.filter(([name]) => name === "attempt")).toHaveLength(3)
})

it("times are those of the clock in use, and go on when it was set", async () => {
  const set = await setUp()
  const clock = new VirtualClock({ startMs: 5, wallMs: 1_000 })
  const onEvent = telemetry(set.providers)
  const quota = createQuota({ clock, onEvent, concurrency: 1 })
  const first = await quota.admit()
  const second = quota.admit()
  await clock.advance(250.5)
  first.settle({ outcome: "success" })
  await second
  await set.flush()
  expect(set.spans).toMatchObject([{ name: "admission wait", startMs: 1_000, endMs: 1_250.5 }])
})

it("quotas of one name are added up, and one that is used no more is kept by nobody and ends with none", async () => {
  const set = await setUp()
  const kept: WeakRef<() => QuotaState>[] = []
  const onEvent = telemetry({
    ...set.providers,
    onEvent: Object.assign(() => {}, { watch: (state: () => QuotaState) => void kept.push(new WeakRef(state)) }),
  })
  const attributes = { "sluice.quota": "q" }
  const use = async (): Promise<void> => {
    const quotas = [1, 2].map(() => createQuota({ name: "q", requestsPerMinute: 60, onEvent }))
    await Promise.all(quotas.map((quota) => quota.admit()))
    await set.flush()
    expect(set.metrics.get("sluice.quota.in_flight")!.points).toEqual([{ attributes, value: 2 }])
    expect(set.metrics.get("sluice.quota.limit")!.points).toMatchObject([{ value: 60 }])
  }
  await use()
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  await vi.waitFor(() => {
    collect()
    expect(kept.map((each) => each.deref())).toEqual([undefined, undefined])
  })
  await set.flush()
  expect(set.metrics.get("sluice.quota.in_flight")!.points).toEqual([{ attributes, value: 0 }])
})

describe("options", () => {
  it.each([
    [{ itemRatio: 2 }, "telemetry: itemRatio must be a number from 0 to 1 (got 2)."],
    [{ tracerProvider: {} }, "telemetry: tracerProvider must be a tracer provider"],
    [{ contents: true }, 'telemetry: unknown option "contents". Did you mean "content"?'],
  ])("%j says what is wanted", (options, message) => {
    expect(() => telemetry(options as never)).toThrow(message)
  })
})
