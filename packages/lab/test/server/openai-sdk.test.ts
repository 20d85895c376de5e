import OpenAI from "openai"
import { expect, test } from "vitest"
import type { ServerOptions, VendorServer } from "../../src/index.ts"
import { vendorFor } from "./started-vendor.ts"

let vendor: VendorServer

async function connect(options: ServerOptions = {}): Promise<OpenAI> {
  vendor = await vendorFor(options)
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
  expect(vendor.stats()).toMatchObject({
    arrived: 2,
    answered: 1,
    refused: 1,
    refusedByReason: { "rate:requests": 1 },
  })
})

test("response: text, usage and status", async () => {
  const openai = await connect({ answer: "echo" })
  const response = await openai.responses.create({ model: "gpt-lab", instructions: "Be kind", input: "Say hello" })
  expect(response.output_text).toBe("Say hello")
  expect(response.status).toBe("completed")
  expect(response.usage).toMatchObject({ input_tokens: 4, output_tokens: 3, total_tokens: 7 })
})

test("response, streamed: events are numbered and the SDK's accumulator ends with the whole response", async () => {
  const text = "one two three four five six seven eight nine ten ".repeat(3)
  const openai = await connect({ answer: { text } })
  const input = [{ role: "user" as const, content: [{ type: "input_text" as const, text: "Count" }] }]
  const events = await collect(await openai.responses.create({ model: "gpt-lab", input, stream: true }))
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index))
  expect(events[0]?.type).toBe("response.created")
  expect(events.at(-1)?.type).toBe("response.completed")
  const final = await openai.responses.stream({ model: "gpt-lab", input }).finalResponse()
  expect(final.output_text).toBe(text)
})

test("response cut by max_output_tokens is incomplete, plain and streamed", async () => {
  const openai = await connect({ answer: { tokens: 100 } })
  const body = { model: "gpt-lab", input: "Count", max_output_tokens: 20 }
  expect(await openai.responses.create(body)).toMatchObject({
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
  })
  const events = await collect(await openai.responses.create({ ...body, stream: true }))
  expect(events.at(-1)?.type).toBe("response.incomplete")
})

test("response: forced function and structured text, plain and streamed", async () => {
  const openai = await connect({ answer: { text: "Berlin" } })
  const schema = {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  }
  const tools = [{ type: "function" as const, name: "weather", parameters: schema, strict: true }]
  const call = { model: "gpt-lab", input: "Weather?", tools, tool_choice: "required" as const }
  const item = { type: "function_call", name: "weather", arguments: '{"city":"Berlin"}' }
  expect((await openai.responses.create(call)).output).toMatchObject([item])
  expect((await openai.responses.stream(call).finalResponse()).output).toMatchObject([item])
  const format = { type: "json_schema" as const, name: "place", schema, strict: true }
  const parsed = await openai.responses.parse({ model: "gpt-lab", input: "Where?", text: { format } })
  expect(JSON.parse(parsed.output_text)).toEqual({ city: "Berlin" })
})

test("embeddings: one vector for each text, the same through base64 (the SDK's default) and float, near where words are shared", async () => {
  const openai = await connect({ limits: { tokens: 1000 } })
  const input = ["the cat sat on the mat", "the cat sat on a mat", "quarterly revenue grew"]
  const viaBase64 = await openai.embeddings.create({ model: "embed-lab", input, dimensions: 256 })
  const asFloats = await openai.embeddings.create({
    model: "embed-lab",
    input,
    dimensions: 256,
    encoding_format: "float",
  })
  const [near, also, far] = viaBase64.data.map(({ embedding }) => embedding) as [number[], number[], number[]]
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
  expect(dot(near, near)).toBeCloseTo(1)
  expect(dot(near, also)).toBeGreaterThan(dot(near, far) + 0.3)
  asFloats.data.forEach(({ embedding }, row) =>
    embedding.forEach((value, at) => expect(value).toBeCloseTo(viaBase64.data[row]?.embedding[at] ?? NaN, 5)),
  )
  expect(viaBase64.usage).toEqual({ prompt_tokens: 16, total_tokens: 16 })
  expect(vendor.stats()).toMatchObject({ answered: 2, inputTokens: 32, outputTokens: 0 })
})

test("models: the list, one of them, and the SDK's NotFoundError", async () => {
  const openai = await connect({ models: ["gpt-lab"] })
  expect((await collect(openai.models.list())).map(({ id }) => id)).toEqual(["gpt-lab"])
  expect((await openai.models.retrieve("gpt-lab")).object).toBe("model")
  await expect(openai.models.retrieve("other")).rejects.toBeInstanceOf(OpenAI.NotFoundError)
})

test("a key that is not let in is refused with 401 and counted", async () => {
  const openai = await connect({ apiKeys: ["sk-good"] })
  await expect(openai.chat.completions.create(asked)).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  await openai.withOptions({ apiKey: "sk-good" }).chat.completions.create(asked)
  expect(vendor.stats()).toMatchObject({ arrived: 2, answered: 1, refused: 1, refusedByReason: { key: 1 } })
})
