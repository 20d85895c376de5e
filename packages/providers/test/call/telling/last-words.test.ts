import { once } from "node:events"
import { createServer, type AddressInfo } from "node:net"
import Anthropic from "@anthropic-ai/sdk"
import { createDefine, type ItemError } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import OpenAI from "openai"
import { expect, test } from "vitest"
import { anthropicOptions, limitedFetch, openaiOptions } from "../../../src/index.ts"
import { scriptedServer } from "../../scripted-server.ts"

const refusing = () =>
  scriptedServer((_n, response) => {
    response.writeHead(429, { "content-type": "application/json", "retry-after-ms": "5" })
    response.end(JSON.stringify({ error: { message: "Slow down.", type: "rate_limit_error" } }))
  })
/** Where nobody listens any more. */
async function closedPort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return `http://127.0.0.1:${port}`
}

/** What an item that makes this call fails with. */
async function failed(call: (text: string) => Promise<unknown>): Promise<ItemError> {
  const { batch } = createDefine(systemRuntime)<object>()
  const ask = batch({ name: "ask", retry: { maxAttempts: 1 }, prep: () => ["hi"], exec: call })
  return await ask.run({}).then(
    () => expect.unreachable(),
    (error: unknown) => error as ItemError,
  )
}

test("an item that was refused to the end says how often and for how long, and so does the SDK's error", async () => {
  const server = await refusing()
  const options = { retry: { maxRefusals: 2 } }
  const openai = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, ...openaiOptions(options) })
  const error = await failed((input) => openai.responses.create({ model: "m", input }))
  expect(server.calls).toHaveLength(3)
  expect(error.message).toMatch(/^Item 0 of "ask" failed after 1 attempt: 429 Slow down\. \(3 refusals in 0:0\d\)$/)
  expect((error.cause as InstanceType<typeof OpenAI.APIError>).headers?.get("x-sluice-attempts")).toMatch(/^3 refusals/)

  const anthropic = new Anthropic({ apiKey: "any", baseURL: server.url, ...anthropicOptions(options) })
  const messages = [{ role: "user", content: "hi" }] as const
  const other = await failed(() => anthropic.messages.create({ model: "m", max_tokens: 5, messages: [...messages] }))
  expect(other.message).toMatch(/\(3 refusals in 0:0\d\)$/)
})

test("the body of the last answer is the vendor's, byte for byte, and a first answer bears no mark", async () => {
  const server = await refusing()
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: '{"model":"m"}' }
  for (const [maxRefusals, mark] of [
    [0, null],
    [1, expect.stringMatching(/^2 refusals in 0:0\d$/)],
  ] as const) {
    const response = await limitedFetch({ retry: { maxRefusals } })(`${server.url}/v1/chat/completions`, post)
    expect(response.status).toBe(429)
    expect(response.url).toBe(`${server.url}/v1/chat/completions`)
    expect(response.headers.get("x-sluice-attempts")).toEqual(mark)
    expect(await response.clone().json()).toEqual({ error: { message: "Slow down.", type: "rate_limit_error" } })
    expect(await response.text()).toBe('{"error":{"message":"Slow down.","type":"rate_limit_error"}}')
  }
})

test("where there was no connection the item says so, and in how many attempts", async () => {
  const options = openaiOptions({ retry: { maxAttempts: 2, backoff: { initialMs: 1 } } })
  const openai = new OpenAI({ apiKey: "any", baseURL: `${await closedPort()}/v1`, ...options })
  const error = await failed((input) => openai.responses.create({ model: "m", input }))
  expect(error.message).toBe(
    'Item 0 of "ask" failed after 1 attempt: Connection error: openai-compatible m: no connection (ECONNREFUSED) in 2 attempts. Check the address and the network.',
  )
})
