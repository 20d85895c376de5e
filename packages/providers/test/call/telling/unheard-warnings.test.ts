import OpenAI from "openai"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import type { LimitedFetchOptions } from "../../../src/index.ts"
import { scriptedServer } from "../../scripted-server.ts"

// Loaded anew: what is told once in a process, tests of other files may have heard.
vi.resetModules()
const { limitedFetch, openaiOptions } = await import("../../../src/index.ts")

const answer = JSON.stringify({
  id: "a",
  object: "response",
  model: "gpt-5-mini",
  output: [],
  usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
})
const emit = vi.spyOn(process, "emitWarning")
beforeEach(() => void emit.mockReset().mockImplementation(() => {}))
afterEach(() => void emit.mockReset())
const codes = (): unknown[] => emit.mock.calls.map(([, options]) => (options as { code?: string }).code)

const answering = () =>
  scriptedServer((_n, response) => response.setHeader("content-type", "application/json").end(answer))

test("who listens to nothing hears of retries above, once, from the process", async () => {
  const server = await scriptedServer((_n, response) => {
    response.statusCode = 500
    response.end("no")
  })
  const fetch = limitedFetch({ retry: { maxAttempts: 1 } })
  const openai = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, fetch, maxRetries: 2 })
  await expect(openai.responses.create({ model: "gpt-5-mini", input: "hi" })).rejects.toThrow("500")
  await expect
    .poll(() => emit.mock.calls)
    .toEqual([
      [
        expect.stringContaining("Something above limitedFetch retries too"),
        { type: "SluiceWarning", code: "stacked-retries" },
      ],
    ])
})

test("of calls that no limit holds back the first is told; a body is looked at once for each path", async () => {
  const server = await answering()
  const fetch = limitedFetch()
  const post = async (path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    })
    await response.text()
  }
  await post("/track", { event: "clicked" })
  await post("/track", { model: "x", prompt: "told if it were read" })
  expect(codes()).toEqual([])
  for (let n = 0; n < 3; n++) await post("/our/llm", { model: "x", prompt: "hi" })
  await post("/our/other", { model: "x", prompt: "hi" })
  expect(codes()).toEqual(["not-limited"])
})

test("a client made for each call is told once, and one made outside is not", async () => {
  const server = await answering()
  const client = (): OpenAI =>
    new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, ...openaiOptions({ requestsPerMinute: 600 }) })
  const ask = (openai: OpenAI) => openai.responses.create({ model: "gpt-5-mini", input: "hi" })
  const one = client()
  for (let n = 0; n < 10; n++) await ask(one)
  await ask(client())
  await ask(client())
  expect(codes()).toEqual([])
  for (let n = 0; n < 10; n++) await ask(client())
  expect(codes()).toEqual(["made-per-call"])
  expect(emit.mock.calls[0]![0]).toMatch(
    /^openai-compatible\/[0-9a-f]+\/\*: 4 limitedFetch .* Make the client .* once, outside/,
  )
})

test("who listens hears it as an event", async () => {
  const server = await answering()
  const heard: string[] = []
  for (let n = 0; n < 6; n++) {
    const fetch = limitedFetch({ onEvent: (event) => void (event.type === "warning" && heard.push(event.code)) })
    const openai = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, fetch, maxRetries: 0 })
    await openai.responses.create({ model: "gpt-5-mini", input: "hi" })
  }
  expect(heard).toEqual(["made-per-call"])
  expect(codes()).toEqual([])
})

test("a budget that cannot count a model says so, once for each, with how to state its price", async () => {
  const server = await answering()
  const messages: string[] = []
  const unheard: LimitedFetchOptions = { budgetUsd: 1, vendor: "openai-compatible" }
  const heard: LimitedFetchOptions = {
    ...unheard,
    prices: { stated: { input: 1, output: 1 } },
    onEvent: (event) => {
      if (event.type === "warning") messages.push(`${event.code}: ${event.message}`)
    },
  }
  const ask = async (fetch: typeof globalThis.fetch, model: string): Promise<void> => {
    const body = JSON.stringify({ model, messages: [] })
    await (await fetch(`${server.url}/v1/chat/completions`, { method: "POST", body })).text()
  }
  const fetch = limitedFetch(heard)
  for (const model of ["mine", "mine", "stated", "other", "gpt-5-mini"]) await ask(fetch, model)
  await expect
    .poll(() => messages)
    .toEqual(["mine", "other"].map((model) => expect.stringContaining(`calls of ${model}, whose price is not known`)))
  expect(messages[0]).toContain("no-price: budgetUsd does not count")
  expect(messages[0]).toContain('prices: { "mine": { input: ')

  const { onEvent } = heard
  const others: LimitedFetchOptions = { limits: { priced: { budgetUsd: 1 } }, vendor: "openai-compatible" }
  await ask(limitedFetch({ ...others, onEvent: onEvent! }), "mine")
  expect(messages).toHaveLength(2)
  const later = limitedFetch({ requestsPerMinute: 60, vendor: "openai-compatible", onEvent: onEvent! })
  await ask(later, "mine")
  expect(messages).toHaveLength(2)
  later.update({ budgetUsd: 1 })
  await ask(later, "mine")
  await expect.poll(() => messages).toHaveLength(3)

  expect(codes()).toEqual([])
  await ask(limitedFetch(unheard), "mine")
  await expect.poll(codes).toEqual(["no-price"])
})
