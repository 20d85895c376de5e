import OpenAI from "openai"
import { afterEach, expect, test } from "vitest"
import { startVendor, type ServerOptions, type Vendor } from "../src/index.ts"

const instant = { baseMs: 0, perOutputTokenMs: 0 }
let vendor: Vendor | undefined

afterEach(async () => {
  await vendor?.stop()
  vendor = undefined
})

async function connect(options: ServerOptions = {}): Promise<OpenAI> {
  vendor = await startVendor({ latency: instant, ...options })
  return new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "sk-lab", maxRetries: 0 })
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

const asked = { model: "gpt-lab", messages: [{ role: "user" as const, content: "Say hello" }] }

test("chat completion: the text and a usage that is characters / 4", async () => {
  const openai = await connect({ answer: "echo" })
  const completion = await openai.chat.completions.create(asked)
  expect(completion.choices[0]?.message.content).toBe("Say hello")
  expect(completion.choices[0]?.finish_reason).toBe("stop")
  expect(completion.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 })
  expect(completion._request_id).toMatch(/^req_/)
})

test("chat completion, streamed: pieces add up, usage comes last when asked for", async () => {
  const text = "one two three four five six seven eight nine ten, with 🎉 and more ".repeat(3)
  const openai = await connect({ answer: { text } })
  const stream = await openai.chat.completions.create({
    ...asked,
    stream: true,
    stream_options: { include_usage: true },
  })
  const chunks = await collect(stream)
  expect(chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? "")).join("")).toBe(text)
  expect(chunks.length).toBeGreaterThan(5)
  expect(chunks.at(-1)?.usage?.completion_tokens).toBe(Math.ceil(text.length / 4))
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop")
})

test("chat completion, streamed without include_usage: no usage anywhere", async () => {
  const openai = await connect()
  const chunks = await collect(await openai.chat.completions.create({ ...asked, stream: true }))
  expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true)
})

test("max_tokens cuts the answer and says so", async () => {
  const openai = await connect({ answer: { tokens: 100 } })
  const completion = await openai.chat.completions.create({ ...asked, max_completion_tokens: 10 })
  expect(completion.choices[0]?.finish_reason).toBe("length")
  expect(completion.usage?.completion_tokens).toBe(10)
})

test("a forced tool is called with arguments that fit its parameters, plain and streamed", async () => {
  const openai = await connect({ answer: { text: "Berlin" } })
  const parameters = {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer", minimum: 2 } },
    required: ["city", "days"],
  }
  const body = {
    ...asked,
    tools: [{ type: "function" as const, function: { name: "weather", parameters } }],
    tool_choice: "required" as const,
  }
  const call = (await openai.chat.completions.create(body)).choices[0]?.message.tool_calls?.[0]
  expect(call?.type === "function" && call.function.name).toBe("weather")
  expect(JSON.parse(call?.type === "function" ? call.function.arguments : "")).toEqual({ city: "Berlin", days: 2 })
  const final = await openai.chat.completions.stream(body).finalChatCompletion()
  const streamed = final.choices[0]?.message.tool_calls?.[0]
  expect(streamed?.type === "function" && JSON.parse(streamed.function.arguments)).toEqual({ city: "Berlin", days: 2 })
  expect(final.choices[0]?.finish_reason).toBe("tool_calls")
})

test("json_schema gets conforming JSON through the SDK's own parser", async () => {
  const openai = await connect({ answer: { text: "Short." } })
  const schema = {
    type: "object",
    properties: { summary: { type: "string" }, tags: { type: "array", items: { type: "string" } } },
    required: ["summary", "tags"],
    additionalProperties: false,
  }
  const completion = await openai.chat.completions.parse({
    ...asked,
    response_format: { type: "json_schema", json_schema: { name: "digest", schema, strict: true } },
  })
  expect(JSON.parse(completion.choices[0]?.message.content ?? "")).toEqual({ summary: "Short.", tags: ["Short."] })
})

test("over the limit the SDK throws its RateLimitError with vendor's code and headers", async () => {
  const openai = await connect({ limits: { requests: { limit: 60, burst: 1 } } })
  await openai.chat.completions.create(asked)
  const error: unknown = await openai.chat.completions.create(asked).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(OpenAI.RateLimitError)
  expect(error).toMatchObject({ status: 429, code: "rate_limit_exceeded", type: "requests" })
  expect((error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get("retry-after")).toBe("1")
  expect(vendor?.stats()).toMatchObject({
    arrived: 2,
    answered: 1,
    refused: 1,
    refusedByReason: { "rate:requests": 1 },
  })
})
