import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAI as createOpenAI2 } from "@ai-sdk/openai-2"
import { createOpenAI as createOpenAI3 } from "@ai-sdk/openai-3"
import type { Limiter, Settlement, SluiceEvent } from "@sluice/core"
import { startVendor, type ServerOptions, type VendorServer, VirtualClock } from "@sluice/lab"
import { createQuota, parallelMap, type Quota, type QuotaOptions } from "@sluice/scheduler"
import * as ai7 from "ai"
import * as ai5 from "ai-5"
import * as ai6 from "ai-6"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { aiSdkMiddleware, type AiSdkMiddleware, withCall } from "../../src/index.ts"
import { providerVendor } from "../../src/middleware/provider-vendor.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false
const text = "Queues hold calls until they fit."

/** One generation of the AI SDK, its own wrapper around its own provider, which sends by itself. */
interface Generation {
  generate(middleware: AiSdkMiddleware, baseURL: string, call?: Call): Promise<string>
  stream(middleware: AiSdkMiddleware, baseURL: string, call?: Call): AsyncIterable<string>
}

interface Call {
  readonly maxRetries?: number
  readonly abortSignal?: AbortSignal
}

const prompt = "Say hello"
const apiKey = "sk-lab"
// Of a vendor that nobody knows: what is charged is what was read and written.
const name = "lab"

const generations: Readonly<Record<string, Generation>> = {
  "AI SDK 5": {
    generate: async (middleware, baseURL, call) => {
      const model = ai5.wrapLanguageModel({
        model: createOpenAI2({ name, apiKey, baseURL }).chat("lab-small"),
        middleware,
      })
      return (await ai5.generateText({ model, prompt, ...call })).text
    },
    stream: (middleware, baseURL, call) => {
      const model = ai5.wrapLanguageModel({
        model: createOpenAI2({ name, apiKey, baseURL }).chat("lab-small"),
        middleware,
      })
      return ai5.streamText({ model, prompt, onError: () => {}, ...call }).textStream
    },
  },
  "AI SDK 6": {
    generate: async (middleware, baseURL, call) => {
      const model = ai6.wrapLanguageModel({
        model: createOpenAI3({ name, apiKey, baseURL }).chat("lab-small"),
        middleware,
      })
      return (await ai6.generateText({ model, prompt, ...call })).text
    },
    stream: (middleware, baseURL, call) => {
      const model = ai6.wrapLanguageModel({
        model: createOpenAI3({ name, apiKey, baseURL }).chat("lab-small"),
        middleware,
      })
      return ai6.streamText({ model, prompt, onError: () => {}, ...call }).textStream
    },
  },
  "AI SDK 7": {
    generate: async (middleware, baseURL, call) => {
      const model = ai7.wrapLanguageModel({
        model: createOpenAI({ name, apiKey, baseURL }).chat("lab-small"),
        middleware,
      })
      return (await ai7.generateText({ model, prompt, ...call })).text
    },
    stream: (middleware, baseURL, call) => {
      const model = ai7.wrapLanguageModel({
        model: createOpenAI({ name, apiKey, baseURL }).chat("lab-small"),
        middleware,
      })
      return ai7.streamText({ model, prompt, onError: () => {}, ...call }).textStream
    },
  },
}

interface SetUp {
  readonly middleware: AiSdkMiddleware
  readonly vendor: VendorServer
  readonly url: string
  readonly quota: Quota
  readonly events: SluiceEvent[]
  /** How the permits ended. */
  readonly ends: Settlement[]
  readonly usage: () => unknown[]
}

/** The same limiter, and what it is told. */
function overheard(quota: Quota, ends: Settlement[]): Limiter {
  return {
    admit: async (cost, options) => {
      const permit = await quota.admit(cost, options)
      return {
        settle: (end) => {
          ends.push(end)
          permit.settle(end)
        },
      }
    },
    tryAdmit: () => undefined,
  }
}

/** The options' own quota cannot be looked at, so the tests that look at one hand it over. */
async function setUp(server: ServerOptions = {}, limits: QuotaOptions = {}, own = false): Promise<SetUp> {
  const vendor = await startVendor({ answer: { text }, latency: { baseMs: 1, perOutputTokenMs: 0 }, ...server })
  const events: SluiceEvent[] = []
  const options = { onEvent: (event: SluiceEvent) => events.push(event), ...limits }
  const quota = createQuota(options)
  const ends: Settlement[] = []
  onTestFinished(async () => {
    await vendor.stop()
    await quota.close({ reject: true })
  })
  return {
    middleware: aiSdkMiddleware(own ? options : overheard(quota, ends)),
    vendor,
    url: `${vendor.url}/v1`,
    quota,
    events,
    ends,
    usage: () =>
      events
        .filter((event) => event.type === "usage")
        .map(({ cost, model, account, estimated }) => ({ cost, model, account, estimated })),
  }
}

async function read(pieces: AsyncIterable<string>): Promise<string> {
  let whole = ""
  for await (const piece of pieces) whole += piece
  return whole
}

describe.each(Object.entries(generations))("%s", (_name, sdk) => {
  it("admits a call, and settles it with what the model counted", async () => {
    const { middleware, url, quota, ends } = await setUp({}, { tokensPerMinute: 1000 })
    expect(await sdk.generate(middleware, url)).toBe(text)
    expect(ends).toMatchObject([{ outcome: "success", actual: { requests: 1, inputTokens: 3, outputTokens: 9 } }])
    expect(quota.snapshot().inFlight).toBe(0)
  })

  it("holds the permit of a stream until it has been read, then settles it with its counts", async () => {
    const { middleware, url, quota, ends } = await setUp({}, { concurrency: 1 })
    const reading = sdk.stream(middleware, url)[Symbol.asyncIterator]()
    expect((await reading.next()).done).toBe(false)
    expect(quota.snapshot().inFlight).toBe(1)
    let next: IteratorResult<string>
    do next = await reading.next()
    while (!next.done)
    expect(quota.snapshot().inFlight).toBe(0)
    const latency = { totalMs: expect.any(Number) as number, firstTokenMs: expect.any(Number) as number }
    expect(ends).toMatchObject([
      { outcome: "success", actual: { requests: 1, inputTokens: 3, outputTokens: 9 }, latency },
    ])
  })

  it("tells what each call used", async () => {
    const { middleware, url, usage } = await setUp({}, {}, true)
    await sdk.generate(middleware, url)
    await read(sdk.stream(middleware, url))
    const cost = { requests: 1, inputTokens: 3, outputTokens: 9 }
    const told = { cost, model: "lab-small", account: "lab.chat", estimated: undefined }
    expect(usage()).toEqual([told, told])
  })

  it("waits a refusal out for all, without a retry of the SDK", async () => {
    const server = await scriptedServer((n, response) => {
      if (n > 0) return void response.setHeader("content-type", "application/json").end(completion)
      response.writeHead(429, { "content-type": "application/json", "retry-after": "90" })
      response.end(JSON.stringify({ error: { code: "rate_limit_exceeded", message: "Rate limit reached" } }))
    })
    const clock = fastClock()
    const events: SluiceEvent[] = []
    const middleware = aiSdkMiddleware({ clock, onEvent: (event) => events.push(event) })
    expect(await sdk.generate(middleware, `${server.url}/v1`, { maxRetries: 0 })).toBe("Hello.")
    expect(server.calls).toHaveLength(2)
    const [opened] = events.filter((event) => event.type === "gate-open")
    const [closed] = events.filter((event) => event.type === "gate-close")
    expect(opened!.atMs - closed!.atMs).toBeGreaterThanOrEqual(90_000)
    expect(events.filter((event) => event.type === "throttle")).toHaveLength(1)
  })

  it("hands on what is no refusal, for the SDK to retry, each try admitted anew", async () => {
    const server = await scriptedServer((n, response) => {
      response.writeHead(n === 0 ? 500 : 200, { "content-type": "application/json" })
      response.end(n === 0 ? JSON.stringify({ error: { message: "oops" } }) : completion)
    })
    const quota = createQuota({ requestsPerMinute: 60 })
    const middleware = aiSdkMiddleware(quota)
    await expect(sdk.generate(middleware, `${server.url}/v1`, { maxRetries: 0 })).rejects.toMatchObject({
      statusCode: 500,
    })
    expect(await sdk.generate(middleware, `${server.url}/v1`)).toBe("Hello.")
    expect(server.calls).toHaveLength(2)
    expect(quota.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 })
  })

  it("an abort ends the wait for admission, and leaves nothing in the queue", async () => {
    const { middleware, url, quota, vendor } = await setUp({}, { concurrency: 1 })
    const held = await quota.admit()
    const controller = new AbortController()
    const call = sdk.generate(middleware, url, { abortSignal: controller.signal, maxRetries: 0 })
    const ended = expect(call).rejects.toMatchObject({ name: "AbortError" })
    await vi.waitFor(() => expect(quota.snapshot().waiting).toBe(1))
    controller.abort()
    await ended
    expect(quota.snapshot().waiting).toBe(0)
    held.settle({ outcome: "ignored" })
    expect(vendor.stats().answered).toBe(0)
  })

  it("an abort inside a stream frees its permit", async () => {
    const { middleware, url, quota } = await setUp(
      { latency: { baseMs: 1, perOutputTokenMs: 200 } },
      { concurrency: 1 },
    )
    const controller = new AbortController()
    const reading = read(sdk.stream(middleware, url, { abortSignal: controller.signal, maxRetries: 0 })).catch(() => "")
    await vi.waitFor(() => expect(quota.snapshot().inFlight).toBe(1))
    controller.abort()
    await reading
    await vi.waitFor(() => expect(quota.snapshot().inFlight).toBe(0))
  })

  it("keeps to a limit that nobody told the vendor's client", async () => {
    const { middleware, url, vendor } = await setUp(
      { limits: { requests: { limit: 1200, burst: 5 } }, headers: "none" },
      { requestsPerMinute: { limit: 1200, kind: "bucket", burst: 2 } },
    )
    const all = await Promise.all(Array.from({ length: 20 }, () => sdk.generate(middleware, url, { maxRetries: 0 })))
    expect(all).toEqual(Array.from({ length: 20 }, () => text))
    expect(vendor.stats()).toMatchObject({ refused: 0, answered: 20 })
  })
})

it("lets a few of many calls go in each turn of the event loop, in order, each admitted in the turn that sends it", async () => {
  const clock = new VirtualClock()
  const admitted: number[] = []
  const onEvent = (event: SluiceEvent): void => void (event.type === "permit-admit" && admitted.push(event.atMs))
  const middleware = aiSdkMiddleware({ requestsPerMinute: { limit: 6000, kind: "bucket", burst: 100 }, clock, onEvent })
  const sent: number[] = []
  const answer = Promise.withResolvers<object>()
  const stop = new AbortController()
  const call = (index: number): Promise<object> =>
    middleware.wrapGenerate({
      model: { provider: "lab", modelId: "lab-small" },
      params: { prompt: [], ...(index === 30 && { abortSignal: stop.signal }) },
      doGenerate: () => {
        sent.push(index)
        return answer.promise
      },
    })
  const calls = Array.from({ length: 40 }, (_, index) => call(index))
  for (let hop = 0; hop < 20; hop++) await Promise.resolve()
  expect(sent).toEqual(Array.from({ length: 16 }, (_, index) => index))
  expect(admitted).toHaveLength(16)
  stop.abort("no longer wanted")
  await expect(calls[30]).rejects.toBe("no longer wanted")
  clock.setTimer(1, () => answer.resolve({}))
  await clock.run(Promise.allSettled(calls))
  expect(sent).toEqual(Array.from({ length: 40 }, (_, index) => index).filter((index) => index !== 30))
})

it("withCall holds for wrapped models", async () => {
  const { middleware, url, quota } = await setUp({}, { concurrency: 1 })
  const held = await quota.admit()
  const late = withCall({ maxWaitMs: 1 }, () => generations["AI SDK 7"]!.generate(middleware, url, { maxRetries: 0 }))
  await expect(late).rejects.toMatchObject({ code: "deadline-unreachable" })
  held.settle({ outcome: "ignored" })
})

it("an item that is cancelled takes its call along", async () => {
  const { middleware, url, quota } = await setUp({ latency: { baseMs: 60_000 } }, { concurrency: 5 })
  const controller = new AbortController()
  const work = async (): Promise<void> => {
    const exec = (): Promise<string> => generations["AI SDK 7"]!.generate(middleware, url, { maxRetries: 0 })
    for await (const _outcome of parallelMap([1], exec, { signal: controller.signal, onError: "collect" }));
  }
  const ended = work().catch((error: unknown) => error)
  await vi.waitFor(() => expect(quota.snapshot().inFlight).toBe(1))
  controller.abort(new Error("enough"))
  await ended
  await vi.waitFor(() => expect(quota.snapshot().inFlight).toBe(0))
})

it("reads limits from an answer's headers where the provider keeps them", async () => {
  const { middleware, url, quota } = await setUp({ limits: { requests: { limit: 300, burst: 300 } } })
  await generations["AI SDK 7"]!.generate(middleware, url)
  expect(quota.snapshot().limits).toEqual(
    expect.arrayContaining([expect.objectContaining({ dimension: "requests", limit: 300 })]),
  )
})

it("a picture in the prompt is no novel", async () => {
  const { middleware, url, events } = await setUp({}, { inputTokensPerMinute: 5000 })
  const model = ai7.wrapLanguageModel({
    model: createOpenAI({ name, apiKey, baseURL: url }).chat("lab-small"),
    middleware,
  })
  const image = new Uint8Array(500_000)
  await ai7.generateText({
    model,
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: prompt },
          { type: "image", image, mediaType: "image/png" },
        ],
      },
    ],
  })
  const admitted = events.find((event) => event.type === "permit-admit")!
  expect(admitted.cost.inputTokens).toBeLessThan(1100)
})

it.each([
  ["openai.responses", "openai"],
  ["azure-openai.chat", "azure"],
  ["anthropic.messages", "anthropic"],
  ["vertex.anthropic.messages", "anthropic"],
  ["google.generative-ai", "gemini"],
  ["google.vertex.chat", "gemini"],
  ["amazon-bedrock", "bedrock"],
  ["groq.chat", "groq"],
  ["openrouter", "openrouter"],
  ["claude-code", "openai-compatible"],
])("the provider %s counts and refuses as %s does", (provider, vendor) => {
  expect(providerVendor(provider).name).toBe(vendor)
})

it.each([
  ["AWS's SDK", Object.assign(new Error("slow"), { name: "ThrottlingException", $metadata: { httpStatusCode: 429 } })],
  ["OpenAI's SDK", Object.assign(new Error("slow"), { status: 429, headers: new Headers({ "retry-after": "7" }) })],
  ["the AI SDK", Object.assign(new Error("slow"), { statusCode: 429, responseHeaders: { "retry-after": "7" } })],
])("knows the refusal in an error of %s", async (_whose, error) => {
  const ends: Settlement[] = []
  const quota = createQuota()
  const middleware = aiSdkMiddleware(overheard(quota, ends))
  const doGenerate = vi.fn(async () => {
    if (doGenerate.mock.calls.length === 1) throw error
    return "answered"
  })
  const model = { provider: "claude-code", modelId: "sonnet" }
  const call = middleware.wrapGenerate({ doGenerate, params: { prompt: [] }, model })
  await vi.waitFor(() => expect(ends).toMatchObject([{ outcome: "throttled" }]))
  await quota.close({ reject: true })
  await call.catch(() => {})
})

it("a misspelt option is refused at once", () => {
  expect(() => aiSdkMiddleware({ requestPerMinute: 5 } as QuotaOptions)).toThrow(/requestPerMinute/)
})

const completion = JSON.stringify({
  id: "c",
  object: "chat.completion",
  created: 0,
  model: "lab-small",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
})
