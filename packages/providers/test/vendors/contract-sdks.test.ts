import { createAnthropic } from "@ai-sdk/anthropic"
import { createGoogleGenerativeAI } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import Anthropic from "@anthropic-ai/sdk"
import { FunctionCallingConfigMode, GoogleGenAI } from "@google/genai"
import { startVendor, type ServerOptions, type VendorServer } from "@sluice/lab"
import type { AIMessageChunk } from "@langchain/core/messages"
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai"
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod"
import { embedMany, generateText, Output, streamText, tool } from "ai"
import OpenAI from "openai"
import { zodResponseFormat } from "openai/helpers/zod"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import * as z from "zod"
import type { SluiceEvent } from "@sluice/core"
import {
  aiSdkOptions,
  anthropicOptions,
  ask,
  coalesceEmbeddings,
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  type LimitedFetchOptions,
  openaiOptions,
} from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false
const text = "Queues hold calls until they fit."

async function setUp(
  options: ServerOptions = {},
  limits: LimitedFetchOptions = {},
): Promise<{ vendor: VendorServer; limited: LimitedFetch; usage: () => object[] }> {
  const vendor = await startVendor({ answer: { text }, latency: { baseMs: 1, perOutputTokenMs: 0 }, ...options })
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ onEvent: (event) => events.push(event), ...limits })
  onTestFinished(async () => {
    await vendor.stop()
    await limited.close()
  })
  return {
    vendor,
    limited,
    usage: () =>
      events
        .filter((event) => event.type === "usage")
        .map(({ cost }) => ({ in: cost.inputTokens, out: cost.outputTokens })),
  }
}

const hi = [{ role: "user" as const, content: "Say hello" }]
const parameters = z.object({ city: z.string(), days: z.number() })
const place = z.object({ city: z.string() })
const placeSchema = z.toJSONSchema(place) as Record<string, unknown>
const tokens = Math.ceil(text.length / 4)

describe("openai", () => {
  const client = (vendor: VendorServer, limited: LimitedFetch): OpenAI =>
    new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "sk-lab", ...openaiOptions(limited) })

  it("plain: chat and responses", async () => {
    const { vendor, limited, usage } = await setUp()
    const openai = client(vendor, limited)
    expect((await openai.chat.completions.create({ model: "m", messages: hi })).choices[0]!.message.content).toBe(text)
    expect((await openai.responses.create({ model: "m", input: "Say hello" })).output_text).toBe(text)
    expect(usage()).toEqual([
      { in: 3, out: tokens },
      { in: 3, out: tokens },
    ])
    expect([vendor.stats().answered, vendor.stats().repeats, inFlight(limited)]).toEqual([2, 0, 0])
  })

  it("streaming: chat with usage, and responses", async () => {
    const { vendor, limited, usage } = await setUp()
    const openai = client(vendor, limited)
    let got = ""
    for await (const chunk of await openai.chat.completions.create({
      model: "m",
      messages: hi,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      expect(inFlight(limited)).toBe(1)
      got += chunk.choices[0]?.delta.content ?? ""
    }
    expect(got).toBe(text)
    const stream = openai.responses.stream({ model: "m", input: "Say hello" })
    expect((await stream.finalResponse()).output_text).toBe(text)
    expect(usage()).toEqual([
      { in: 3, out: tokens },
      { in: 3, out: tokens },
    ])
    expect(inFlight(limited)).toBe(0)
  })

  it("tools, structured output, embeddings", async () => {
    const { vendor, limited, usage } = await setUp({ answer: { text: "Berlin" } })
    const openai = client(vendor, limited)
    const called = await openai.chat.completions.create({
      model: "m",
      messages: hi,
      tool_choice: "required",
      tools: [
        {
          type: "function",
          function: { name: "weather", parameters: z.toJSONSchema(parameters) as Record<string, unknown> },
        },
      ],
    })
    const made = called.choices[0]!.message.tool_calls![0]!
    expect(made.type === "function" && parameters.parse(JSON.parse(made.function.arguments)).city).toBe("Berlin")
    const parsed = await openai.chat.completions.parse({
      model: "m",
      messages: hi,
      response_format: zodResponseFormat(place, "place"),
    })
    expect(parsed.choices[0]!.message.parsed).toEqual({ city: "Berlin" })
    const embedded = await openai.embeddings.create({ model: "e", input: ["one", "two"] })
    expect(embedded.data).toHaveLength(2)
    expect(usage()).toHaveLength(3)
  })

  it("an abort in the middle of a stream, and while waiting for admission, frees everything", async () => {
    const { vendor, limited } = await setUp(
      { answer: { tokens: 400 }, latency: { baseMs: 1, perOutputTokenMs: 5 } },
      { concurrency: 1 },
    )
    const openai = client(vendor, limited)
    const stream = await openai.chat.completions.create({ model: "m", messages: hi, stream: true })
    const controller = new AbortController()
    const waiting = openai.chat.completions
      .create({ model: "m", messages: hi }, { signal: controller.signal })
      .catch((error: unknown) => error)
    for await (const _chunk of stream) break
    const third = openai.chat.completions.create({ model: "m", messages: hi, max_completion_tokens: 1 })
    controller.abort()
    expect(await waiting).toBeInstanceOf(OpenAI.APIUserAbortError)
    expect((await third).choices).toHaveLength(1)
    expect(inFlight(limited)).toBe(0)
  })

  it("a time-out per attempt: the SDK's own time-out error after the last", async () => {
    const { vendor, limited } = await setUp(
      { faults: { rates: { hang: 1 } } },
      { timeoutMs: 400, retry: { maxAttempts: 2, backoff: { initialMs: 1 } } },
    )
    const error = await client(vendor, limited)
      .chat.completions.create({ model: "m", messages: hi })
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
    expect([vendor.stats().arrived, inFlight(limited)]).toEqual([2, 0])
  })

  it.each(["reset", "truncate", "malformed", "error500", "error503", "outage"] as const)(
    "%s: tried again until it works, nothing lost",
    async (fault) => {
      const { vendor, limited } = await setUp(
        { faults: { rates: { [fault]: 0.5 } }, seed: 3 },
        { retry: { maxAttempts: 12, backoff: { initialMs: 1 } } },
      )
      const openai = client(vendor, limited)
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          openai.chat.completions.create({ model: "m", messages: [{ role: "user", content: `Say ${i}` }] }),
        ),
      )
      expect(all.every((one) => one.choices[0]!.message.content === text)).toBe(true)
      expect(vendor.stats().answered).toBe(12)
      expect(vendor.stats().arrived).toBeGreaterThan(12)
      expect(inFlight(limited)).toBe(0)
    },
  )

  it("keeps a quota it was never told, by what the vendor says: at most a handful of refusals", async () => {
    const { vendor, limited } = await setUp({ limits: { requests: { limit: 1200, model: "bucket", burst: 5 } } })
    const openai = client(vendor, limited)
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        openai.chat.completions.create({ model: "m", messages: [{ role: "user", content: `Say ${i}` }] }),
      ),
    )
    expect(all).toHaveLength(30)
    expect(vendor.stats()).toMatchObject({ answered: 30, repeats: 0 })
  })
})

describe("@anthropic-ai/sdk", () => {
  const client = (vendor: VendorServer, limited: LimitedFetch): Anthropic =>
    new Anthropic({ baseURL: vendor.url, apiKey: "sk-lab", ...anthropicOptions(limited) })
  const asked = { model: "m", max_tokens: 100, messages: hi }

  it("plain, streaming, tools", async () => {
    const { vendor, limited, usage } = await setUp({ headers: "anthropic" })
    const anthropic = client(vendor, limited)
    expect((await anthropic.messages.create(asked)).content).toMatchObject([{ type: "text", text }])
    const streamed = await anthropic.messages.stream(asked).finalMessage()
    expect(streamed.content).toMatchObject([{ type: "text", text }])
    const called = await anthropic.messages.create({
      ...asked,
      tool_choice: { type: "any" },
      tools: [{ name: "weather", input_schema: z.toJSONSchema(parameters) as Anthropic.Tool.InputSchema }],
    })
    expect(called.content.find((block) => block.type === "tool_use")?.name).toBe("weather")
    expect(usage().slice(0, 2)).toEqual([
      { in: 3, out: tokens },
      { in: 3, out: tokens },
    ])
    expect(inFlight(limited)).toBe(0)
  })

  it("tools while streaming, structured output plain and streamed", async () => {
    const { vendor, limited, usage } = await setUp({ headers: "anthropic", answer: { text: "Berlin" } })
    const anthropic = client(vendor, limited)
    const called = await anthropic.messages
      .stream({
        ...asked,
        tool_choice: { type: "tool", name: "weather" },
        tools: [{ name: "weather", input_schema: placeSchema as Anthropic.Tool.InputSchema }],
      })
      .finalMessage()
    expect(called.content).toMatchObject([{ type: "tool_use", name: "weather", input: { city: "Berlin" } }])
    const wanted = { ...asked, output_config: { format: zodOutputFormat(place) } }
    expect((await anthropic.messages.parse(wanted)).parsed_output).toEqual({ city: "Berlin" })
    expect((await anthropic.messages.stream(wanted).finalMessage()).parsed_output).toEqual({ city: "Berlin" })
    expect([usage().length, vendor.stats().answered, inFlight(limited)]).toEqual([3, 3, 0])
  })

  it("the vendor's own error for a refused key, after one call", async () => {
    const { vendor, limited } = await setUp({ apiKeys: ["another"] }, { concurrency: 1 })
    const anthropic = client(vendor, limited)
    const errors = await Promise.all(
      [1, 2, 3].map(() => anthropic.messages.create(asked).catch((error: unknown) => error)),
    )
    expect(errors.every((error) => error instanceof Anthropic.AuthenticationError)).toBe(true)
  })
})

describe("ai", () => {
  it("plain, streaming, tools, structured output, embeddings over OpenAI", async () => {
    const { vendor, limited } = await setUp({ answer: { text: "Berlin" } })
    const { provider, call } = aiSdkOptions(limited)
    const openai = createOpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "sk-lab", ...provider })
    for (const model of [openai("m"), openai.chat("m")]) {
      expect((await generateText({ model, prompt: "Say hello", ...call })).text).toBe("Berlin")
      const streamed = streamText({ model, prompt: "Say hello", ...call })
      expect(await streamed.text).toBe("Berlin")
      const made = await generateText({
        model,
        prompt: "Say hello",
        ...call,
        toolChoice: "required",
        tools: { weather: tool({ inputSchema: parameters }) },
      })
      expect(made.toolCalls[0]?.toolName).toBe("weather")
      const { output } = await generateText({
        model,
        prompt: "Say hello",
        ...call,
        output: Output.object({ schema: place }),
      })
      expect(output).toEqual({ city: "Berlin" })
    }
    const { embeddings } = await embedMany({ model: openai.embedding("e"), values: ["one", "two"], ...call })
    expect(embeddings).toHaveLength(2)
    expect(inFlight(limited)).toBe(0)
  })

  it("plain and streaming over Anthropic, Google and a compatible server", async () => {
    const { vendor, limited, usage } = await setUp()
    const { provider, call } = aiSdkOptions(limited)
    const models = [
      createAnthropic({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...provider })("m"),
      createGoogleGenerativeAI({ baseURL: `${vendor.url}/v1beta`, apiKey: "k", ...provider })("m"),
      createOpenAICompatible({ name: "local", baseURL: `${vendor.url}/v1`, apiKey: "k", ...provider })("m"),
    ]
    for (const model of models) {
      expect((await generateText({ model, prompt: "Say hello", ...call })).text).toBe(text)
      expect(await streamText({ model, prompt: "Say hello", ...call }).text).toBe(text)
    }
    expect(usage()).toHaveLength(6)
    expect(inFlight(limited)).toBe(0)
  })

  it("tools and structured output over Anthropic and Google, embeddings over Google", async () => {
    const { vendor, limited, usage } = await setUp({ answer: { text: "Berlin" } })
    const { provider, call } = aiSdkOptions(limited)
    const google = createGoogleGenerativeAI({ baseURL: `${vendor.url}/v1beta`, apiKey: "k", ...provider })
    for (const model of [
      createAnthropic({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...provider })("m"),
      google("gemini-m"),
    ]) {
      const made = await generateText({
        model,
        prompt: "Say hello",
        ...call,
        toolChoice: "required",
        tools: { weather: tool({ inputSchema: parameters }) },
      })
      expect(made.toolCalls).toMatchObject([{ toolName: "weather", input: { city: "Berlin" } }])
      const output = Output.object({ schema: place })
      expect((await generateText({ model, prompt: "Say hello", ...call, output })).output).toEqual({ city: "Berlin" })
      expect(await streamText({ model, prompt: "Say hello", ...call, output }).output).toEqual({ city: "Berlin" })
      expect(await ask(model, { schema: place, prompt: "Say hello" })).toMatchObject({
        value: { city: "Berlin" },
        asks: 1,
      })
    }
    const { embeddings } = await embedMany({ model: google.embedding("e"), values: ["one", "two"], ...call })
    expect(embeddings).toHaveLength(2)
    expect([usage().length, vendor.stats().answered, inFlight(limited)]).toEqual([9, 9, 0])
  })

  it("an abort ends a call at once", async () => {
    const { vendor, limited } = await setUp({ latency: { baseMs: 60_000 } })
    const { provider, call } = aiSdkOptions(limited)
    const openai = createOpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...provider })
    const controller = new AbortController()
    const error = generateText({ model: openai("m"), prompt: "hi", abortSignal: controller.signal, ...call }).catch(
      (caught: unknown) => caught,
    )
    while (inFlight(limited) === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    expect(await error).toMatchObject({ name: "AbortError" })
    expect(inFlight(limited)).toBe(0)
  })
})

describe("@google/genai", () => {
  const client = (vendor: VendorServer, limited: LimitedFetch): GoogleGenAI =>
    new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: vendor.url, ...googleOptions(limited) } })

  it("plain, streaming", async () => {
    const { vendor, limited, usage } = await setUp()
    const google = client(vendor, limited)
    expect((await google.models.generateContent({ model: "m", contents: "Say hello" })).text).toBe(text)
    let got = ""
    for await (const chunk of await google.models.generateContentStream({ model: "m", contents: "Say hello" }))
      got += chunk.text ?? ""
    expect(got).toBe(text)
    expect(usage()).toEqual([
      { in: 3, out: tokens },
      { in: 3, out: tokens },
    ])
    expect(inFlight(limited)).toBe(0)
  })

  it("tools, structured output, plain and streamed", async () => {
    const { vendor, limited, usage } = await setUp({ answer: { text: "Berlin" } })
    const google = client(vendor, limited)
    const asked = { model: "m", contents: "Say hello" }
    const tools = {
      tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: placeSchema }] }],
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
    }
    const called = [{ name: "weather", args: { city: "Berlin" } }]
    expect((await google.models.generateContent({ ...asked, config: tools })).functionCalls).toMatchObject(called)
    const streamed = []
    for await (const chunk of await google.models.generateContentStream({ ...asked, config: tools }))
      streamed.push(...(chunk.functionCalls ?? []))
    expect(streamed).toMatchObject(called)
    const config = { responseMimeType: "application/json", responseJsonSchema: placeSchema }
    const answer = await google.models.generateContent({ ...asked, config })
    expect(place.parse(JSON.parse(answer.text ?? ""))).toEqual({ city: "Berlin" })
    let json = ""
    for await (const chunk of await google.models.generateContentStream({ ...asked, config })) json += chunk.text ?? ""
    expect(JSON.parse(json)).toEqual({ city: "Berlin" })
    expect([usage().length, vendor.stats().answered, inFlight(limited)]).toEqual([4, 4, 0])
  })

  it("embeddings: every text its vector, counted; single texts grouped into one call", async () => {
    const { vendor, limited, usage } = await setUp()
    const google = client(vendor, limited)
    const embed = (contents: string[]): Promise<object> => google.models.embedContent({ model: "e", contents })
    const { embeddings } = (await embed(["one", "two"])) as { embeddings: { values: number[] }[] }
    expect(usage()).toEqual([{ in: 2, out: 0 }])
    const grouped = coalesceEmbeddings(embed)
    expect(await Promise.all([grouped("one"), grouped("two")])).toEqual(embeddings.map(({ values }) => values))
    // One call, of which each text pays its part.
    expect([usage().slice(1), vendor.stats().answered, inFlight(limited)]).toEqual([
      [
        { in: 1, out: 0 },
        { in: 1, out: 0 },
      ],
      2,
      0,
    ])
  })
})

describe("@langchain/openai", () => {
  it("plain, streaming, tools, structured output, embeddings", async () => {
    const { vendor, limited, usage } = await setUp({ answer: { text: "Berlin" } })
    const configuration = { baseURL: `${vendor.url}/v1`, ...openaiOptions(limited) }
    const model = new ChatOpenAI({ model: "m", apiKey: "k", maxRetries: 0, configuration })
    expect((await model.invoke("Say hello")).content).toBe("Berlin")
    let got = ""
    for await (const chunk of await model.stream("Say hello")) got += chunk.text
    expect(got).toBe("Berlin")
    const tools = [{ type: "function", function: { name: "weather", parameters: placeSchema } }]
    const withTools = model.bindTools(tools, { tool_choice: "weather" })
    expect((await withTools.invoke("Say hello")).tool_calls).toMatchObject([
      { name: "weather", args: { city: "Berlin" } },
    ])
    let streamed: AIMessageChunk | undefined
    for await (const chunk of await withTools.stream("Say hello")) streamed = streamed?.concat(chunk) ?? chunk
    expect(streamed?.tool_calls).toMatchObject([{ name: "weather", args: { city: "Berlin" } }])
    for (const method of ["jsonSchema", "functionCalling"] as const)
      expect(await model.withStructuredOutput(place, { method }).invoke("Say hello")).toEqual({ city: "Berlin" })
    expect(
      await new OpenAIEmbeddings({ model: "e", apiKey: "k", maxRetries: 0, configuration }).embedDocuments(["a", "b"]),
    ).toHaveLength(2)
    expect([usage().length, vendor.stats().answered, inFlight(limited)]).toEqual([7, 7, 0])
  })
})
