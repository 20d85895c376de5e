import Anthropic from "@anthropic-ai/sdk"
import { expect, test } from "vitest"
import type { ServerOptions, VendorServer } from "../../src/index.ts"
import { vendorFor } from "./started-vendor.ts"

let vendor: VendorServer

async function connect(options: ServerOptions = {}): Promise<Anthropic> {
  vendor = await vendorFor(options)
  return new Anthropic({ baseURL: vendor.url, apiKey: "sk-ant-lab", maxRetries: 0 })
}

const asked = { model: "claude-lab", max_tokens: 50, messages: [{ role: "user" as const, content: "Say hello" }] }

test("message: the text and a usage that is characters / 4", async () => {
  const anthropic = await connect({ answer: "echo" })
  const message = await anthropic.messages.create({ ...asked, system: "Be kind" })
  expect(message.content).toEqual([{ type: "text", text: "Say hello" }])
  expect(message.stop_reason).toBe("end_turn")
  expect(message.usage).toMatchObject({ input_tokens: 4, output_tokens: 3 })
  expect(message._request_id).toMatch(/^req_/)
})

test("message, streamed: the SDK's accumulator ends with the whole message", async () => {
  const text = "one two three four five six seven eight nine ten ".repeat(3)
  const anthropic = await connect({ answer: { text } })
  const stream = anthropic.messages.stream(asked)
  const deltas: string[] = []
  stream.on("text", (delta) => deltas.push(delta))
  const message = await stream.finalMessage()
  expect(deltas.length).toBeGreaterThan(3)
  expect(deltas.join("")).toBe(text)
  expect(message.content).toMatchObject([{ type: "text", text }])
  expect(message.usage.output_tokens).toBe(Math.ceil(text.length / 4))
})

test("max_tokens cuts the answer and says so", async () => {
  const anthropic = await connect({ answer: { tokens: 100 } })
  expect(await anthropic.messages.create({ ...asked, max_tokens: 10 })).toMatchObject({
    stop_reason: "max_tokens",
    usage: { output_tokens: 10 },
  })
})

test("a forced tool is used with input that fits its schema, plain and streamed", async () => {
  const anthropic = await connect({ answer: { text: "Berlin" } })
  const input_schema = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] }
  const body = {
    ...asked,
    tools: [{ name: "weather", input_schema }],
    tool_choice: { type: "tool" as const, name: "weather" },
  }
  const expected = {
    stop_reason: "tool_use",
    content: [{ type: "tool_use", name: "weather", input: { city: "Berlin" } }],
  }
  expect(await anthropic.messages.create(body)).toMatchObject(expected)
  expect(await anthropic.messages.stream(body).finalMessage()).toMatchObject(expected)
})

test("output_config.format gets conforming JSON", async () => {
  const anthropic = await connect({ answer: { text: "Short." } })
  const schema = {
    type: "object",
    properties: { summary: { type: "string" } },
    required: ["summary"],
    additionalProperties: false,
  }
  const message = await anthropic.messages.create({
    ...asked,
    output_config: { format: { type: "json_schema", schema } },
  })
  expect(message.content).toMatchObject([{ type: "text", text: '{"summary":"Short."}' }])
})

test("over the limit the SDK throws its RateLimitError with the vendor's headers", async () => {
  const anthropic = await connect({ limits: { requests: { limit: 60, burst: 1 } } })
  await anthropic.messages.create(asked)
  const error: unknown = await anthropic.messages.create(asked).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Anthropic.RateLimitError)
  expect(error).toMatchObject({ status: 429, type: "rate_limit_error" })
  expect((error as InstanceType<typeof Anthropic.RateLimitError>).headers?.get("retry-after")).toBe("1")
})

test("count_tokens agrees with the usage of the same message", async () => {
  const anthropic = await connect({ limits: { requests: 100 } })
  const { max_tokens: _, ...prompt } = { ...asked, system: "Be kind" }
  const counted = await anthropic.messages.countTokens(prompt)
  const { usage } = await anthropic.messages.create({ ...asked, system: "Be kind" })
  expect(counted.input_tokens).toBe(usage.input_tokens)
  expect(vendor.stats().arrived).toBe(1)
})

test("a key that is not let in gets the SDK's AuthenticationError", async () => {
  const anthropic = await connect({ apiKeys: ["sk-good"] })
  await expect(anthropic.messages.create(asked)).rejects.toBeInstanceOf(Anthropic.AuthenticationError)
})
