import OpenAI from "openai"
import { describe, expect, it } from "vitest"
import { limitedFetch, openaiOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

type Usage = (n: number, body: Record<string, unknown>) => number

/** A real client, and a server that counts a request's tokens as `usage` says. */
async function setUp(usage: Usage): Promise<{
  chat: (content: unknown, body?: object) => Promise<number>
  respond: (body: object) => Promise<number>
  /** Tokens that are reserved for a call of these many characters. */
  estimate: (chars: number) => Promise<number>
}> {
  const server = await scriptedServer((n, response) => {
    const body = JSON.parse(server.calls[n]!.body) as Record<string, unknown>
    const tokens = usage(n, body)
    response.setHeader("content-type", "application/json")
    const counts =
      body["input"] === undefined
        ? { prompt_tokens: tokens, completion_tokens: 1 }
        : { input_tokens: tokens, output_tokens: 1 }
    response.end(
      JSON.stringify({ choices: [{ message: { role: "assistant", content: "hi" } }], output: [], usage: counts }),
    )
  })
  let reserved = 0
  const fetch = limitedFetch({
    inputTokensPerMinute: { limit: 100_000, kind: "bucket" },
    vendor: "openai-compatible",
    onEvent: (event) => {
      if (event.type === "permit-admit") reserved = event.cost.inputTokens ?? 0
    },
  })
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "sk", ...openaiOptions(fetch) })
  const chat = async (content: unknown, body: object = {}): Promise<number> => {
    await openai.chat.completions.create({
      model: "m",
      messages: [{ role: "user", content: content as string }],
      ...body,
    })
    return reserved
  }
  return {
    chat,
    respond: async (body) => {
      await openai.responses.create({ model: "m", ...body } as never)
      return reserved
    },
    estimate: (chars) => chat("x".repeat(chars)),
  }
}

const quarter: Usage = (_n, body) => Math.ceil(JSON.stringify(body["messages"] ?? body["input"]).length / 4)

describe("an answer does not poison the estimate", () => {
  it.each<[string, object]>([
    ["previous_response_id", { input: "go on", previous_response_id: "resp_1" }],
    ["conversation", { input: "go on", conversation: "conv_1" }],
    ["a file by its id", { input: [{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }] }],
    ["an item by its id", { input: [{ type: "item_reference", id: "msg_1" }] }],
    ["a stored prompt", { prompt: { id: "pmpt_1" }, input: "hi" }],
    ["a search at the vendor", { input: "news?", tools: [{ type: "web_search" }] }],
  ])("that counts content which the request names only: %s", async (_name, body) => {
    const { respond, chat } = await setUp((n, sent) => (n === 0 ? 80_000 : quarter(n, sent)))
    await respond(body)
    expect(await chat("x".repeat(4000))).toBeLessThan(2000)
  })

  it("that has tokens which nobody sent: they are learned as an offset, apart from the characters", async () => {
    const { chat, estimate } = await setUp((n, body) => 4000 + quarter(n, body))
    for (let i = 0; i < 5; i++) await chat("hi")
    expect(await chat("hi")).toBeGreaterThan(3000)
    expect(await estimate(20_000)).toBeLessThan(12_000)
    for (const chars of [100, 8000, 500, 20_000, 3000]) await estimate(chars)
    expect(Math.abs((await estimate(12_000)) - 7000)).toBeLessThan(350)
  })

  it("that is beyond any tokeniser", async () => {
    const { chat, estimate } = await setUp((n, body) => (n === 0 ? 1e9 : quarter(n, body)))
    await chat("hi")
    expect(await estimate(4000)).toBeLessThan(30_000)
    for (let i = 0; i < 3; i++) await chat("hello there")
    expect(await estimate(4000)).toBeLessThan(2500)
  })

  it("and what a language needs per character is learned as before", async () => {
    const { estimate } = await setUp((_n, body) => JSON.stringify(body["messages"]).length)
    for (const chars of [500, 2000, 300, 4000, 1000]) await estimate(chars)
    expect(Math.abs((await estimate(3000)) - 3030)).toBeLessThan(150)
  })
})

describe("an estimate alone makes no call impossible", () => {
  it("a prompt that is taken for more than the limit is sent alone, and taught by its answer", async () => {
    const { estimate } = await setUp(() => 20_000)
    // 500,000 characters are taken for 125,000 tokens; the limit is 100,000.
    await estimate(500_000)
    expect(await estimate(500_000)).toBeLessThan(50_000)
  })

  it("a limit that was only heard refuses nobody for good", async () => {
    const server = await scriptedServer((_n, response) => {
      response.setHeader("content-type", "application/json")
      response.setHeader("x-ratelimit-limit-tokens", "1")
      response.setHeader("x-ratelimit-remaining-tokens", "1")
      response.setHeader("x-ratelimit-reset-tokens", "1ms")
      response.end(
        JSON.stringify({
          choices: [{ message: { content: "hi" } }],
          usage: { prompt_tokens: 1, completion_tokens: 1 },
        }),
      )
    })
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "sk", ...openaiOptions() })
    const ask = (): Promise<unknown> =>
      openai.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hello" }] })
    for (let i = 0; i < 5; i++) await ask()
    expect(server.calls).toHaveLength(5)
  })
})
