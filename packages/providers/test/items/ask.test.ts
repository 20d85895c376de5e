import { createOpenAI } from "@ai-sdk/openai"
import { describe, expect, it, vi } from "vitest"
import * as z from "zod"
import { aiSdkOptions, AnswerError, ask, limitedFetch } from "../../src/index.ts"
import { scriptedServer, type ScriptedServer } from "../scripted-server.ts"
import type { SluiceEvent } from "@sluice/core"
import { generateText, Output } from "ai"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const schema = z.object({ city: z.string(), people: z.number() })

async function model(
  answers: readonly string[],
  finish = "stop",
): Promise<{ server: ScriptedServer; model: ReturnType<ReturnType<typeof createOpenAI>>; events: SluiceEvent[] }> {
  const server = await scriptedServer((n, response) => {
    const content = answers[Math.min(n, answers.length - 1)]
    const body = {
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finish }],
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
  })
  const events: SluiceEvent[] = []
  const limited = aiSdkOptions(limitedFetch({ requestsPerMinute: 1000, onEvent: (event) => events.push(event) }))
  return {
    server,
    events,
    model: createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...limited.provider }).chat("m"),
  }
}

describe("ask", () => {
  it("answers what the schema wants", async () => {
    const { model: berlin, server } = await model(['{"city":"Berlin","people":3700000}'])
    expect(await ask(berlin, { schema, prompt: "Where?" })).toEqual({
      value: { city: "Berlin", people: 3_700_000 },
      asks: 1,
      inputTokens: 100,
      outputTokens: 20,
    })
    expect(server.calls).toHaveLength(1)
  })

  it("asks again with what was wrong; every ask is admitted and accounted", async () => {
    const {
      model: slow,
      server,
      events,
    } = await model(['{"city":"Berlin"}', "no json at all", '{"city":"Berlin","people":1}'])
    const answered = await ask(slow, { schema, prompt: "Where?", price: { input: 1, output: 10 } })
    expect(answered).toMatchObject({
      value: { city: "Berlin", people: 1 },
      asks: 3,
      inputTokens: 300,
      outputTokens: 60,
    })
    expect(answered.usd).toBeCloseTo(0.0009)
    expect(server.calls[1]!.body).toContain("people")
    expect(server.calls[1]!.body).toContain('{\\"city\\":\\"Berlin\\"}')
    expect(events.filter((event) => event.type === "permit-admit")).toHaveLength(3)
    expect(events.filter((event) => event.type === "usage")).toHaveLength(3)
  })

  it.each([
    ["maxReasks", { maxReasks: 1 }, 2],
    ["maxTokens", { maxTokens: 120 }, 1],
    ["budgetUsd", { budgetUsd: 0.0002, price: { input: 1, output: 10 } }, 1],
  ])("stops at %s", async (name, limits, calls) => {
    const { model: wrong, server } = await model(['{"city":7}'])
    const error = await ask(wrong, { schema, prompt: "Where?", ...limits }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(AnswerError)
    expect(error).toMatchObject({ code: "answer-invalid", asks: calls, text: '{"city":7}' })
    expect((error as Error).message).toContain(name)
    expect(server.calls).toHaveLength(calls)
  })

  it("tells a truncated answer from a wrong one, and does not ask again", async () => {
    const { model: cut, server } = await model(['{"city":"Ber'], "length")
    const error = await ask(cut, { schema, prompt: "Where?" }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: "answer-truncated", asks: 1, outputTokens: 20 })
    expect(server.calls).toHaveLength(1)
  })

  it("sends what the AI SDK sends for the same question", async () => {
    const nested = z.object({ city: z.string(), parts: z.array(z.object({ name: z.string() })).optional() })
    const { model: both, server } = await model(['{"city":"Berlin"}'])
    const question = { system: "Be brief.", prompt: "Where?", maxOutputTokens: 50, temperature: 0 }
    await ask(both, { schema: nested, ...question })
    await generateText({ model: both, maxRetries: 0, output: Output.object({ schema: nested }), ...question })
    const [ours, theirs] = server.calls.map(({ body }) => JSON.parse(body) as unknown)
    expect(ours).toEqual(theirs)
  })

  it.each([
    ["AI SDK 5", { finishReason: "stop", usage: { inputTokens: 7, outputTokens: 3, cachedInputTokens: 2 } }],
    [
      "AI SDK 6 and 7",
      {
        finishReason: { unified: "stop" },
        usage: { inputTokens: { total: 7, cacheRead: 2 }, outputTokens: { total: 3 } },
      },
    ],
  ])("reads what a model of %s answers", async (_name, rest) => {
    const content = [
      { type: "reasoning", text: "Hm." },
      { type: "text", text: '{"city":"Berlin","people":1}' },
    ]
    const price = { input: 1_000_000, output: 0, cachedInput: 0 }
    expect(await ask({ doGenerate: async () => ({ content, ...rest }) }, { schema, prompt: "Where?", price })).toEqual({
      value: { city: "Berlin", people: 1 },
      asks: 1,
      inputTokens: 7,
      outputTokens: 3,
      usd: 5,
    })
  })

  it("says what it takes", async () => {
    await expect(ask("openai/gpt-5-mini", { schema, prompt: "Where?" })).rejects.toThrow(
      "ask: model must be a model that a provider made",
    )
    const { model: berlin } = await model(["{}"])
    await expect(ask(berlin, { schema: {} as never, prompt: "Where?" })).rejects.toThrow(
      "ask: schema must be a Standard Schema",
    )
  })
})
