import { globSync, readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { findVendor, vendors } from "../../src/vendors/find-vendor.ts"
import { chargedFor } from "../../src/accounts/accounting.ts"
import { LearnedTokens } from "../../src/accounts/token-estimate.ts"
import { SseReader } from "../../src/http/sse.ts"
import type { StreamFact, Usage, Vendor } from "../../src/vendors/vendor.ts"

const folder = new URL("../fixtures/", import.meta.url)
const now = Date.parse("2026-11-24T10:00:00Z")

interface Fixture {
  readonly answer: { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown }
  readonly expect: { readonly kind: string; readonly scope?: string; readonly code?: string; readonly feedback: object }
}

function vendorOf(name: string): Vendor {
  return vendors.find((vendor) => vendor.name === name)!
}

for (const name of readdirSync(folder)) {
  describe(`${name}: documented answers (peer defects 20, 21)`, () => {
    const vendor = vendorOf(name)
    for (const file of globSync("**/*.json", { cwd: new URL(`${name}/`, folder) }).toSorted()) {
      it(`reads ${file}`, () => {
        const fixture = JSON.parse(readFileSync(new URL(`${name}/${file}`, folder), "utf8")) as Fixture
        const answer = { ...fixture.answer, headers: new Headers(fixture.answer.headers) }
        const { feedback, ...verdict } = fixture.expect
        const got = vendor.classify(answer)
        expect(got).toMatchObject(verdict)
        expect(got.scope).toBe(fixture.expect.scope)
        expect(vendor.feedback(answer, got, now)).toEqual(feedback)
      })
    }
  })
}

function replay(name: string, file: string): { usage: Partial<Usage>; error?: StreamFact["error"]; output: number } {
  const reader = new SseReader()
  const bytes = readFileSync(new URL(`${name}/streams/${file}`, folder))
  const seen = { usage: {} as Partial<Usage>, output: 0, error: undefined as StreamFact["error"] }
  // One byte at a time: every border there can be, also inside a character.
  const events = [...bytes].flatMap((byte) => reader.push(Uint8Array.of(byte)))
  for (const event of [...events, ...reader.end()]) {
    const fact = vendorOf(name).streamEvent(event)
    if (fact?.usage) seen.usage = { ...seen.usage, ...fact.usage }
    if (fact?.error) seen.error = fact.error
    if (fact?.output) seen.output++
  }
  return seen
}

describe("streams", () => {
  it.each([
    ["openai", "chat-stream.txt", { inputTokens: 9, outputTokens: 12, cachedInputTokens: 3, cacheWriteTokens: 0 }],
    [
      "openai",
      "responses-stream.txt",
      { inputTokens: 37, outputTokens: 11, cachedInputTokens: 0, cacheWriteTokens: 0 },
    ],
    ["anthropic", "stream.txt", { inputTokens: 100, outputTokens: 15, cachedInputTokens: 75, cacheWriteTokens: 0 }],
    ["gemini", "stream.txt", { inputTokens: 8, outputTokens: 6, cachedInputTokens: 0, cacheWriteTokens: 0 }],
  ])("%s %s: usage of the last event", (name, file, usage) => {
    expect(replay(name, file)).toMatchObject({ usage, error: undefined })
  })

  it.each([
    ["openai", "chat-stream-error.txt", 429, "wait"],
    ["openai", "responses-stream-failed.txt", 500, "retry"],
    ["anthropic", "stream-overloaded.txt", 529, "retry"],
    ["openrouter", "stream-error.txt", 503, "retry"],
  ])("%s %s: an error after 200 is classified like a status", (name, file, status, kind) => {
    const { error } = replay(name, file)
    expect(error?.status).toBe(status)
    expect(vendorOf(name).classify(error!).kind).toBe(kind)
  })
})

describe("recognition", () => {
  it.each([
    ["https://api.openai.com/v1/chat/completions", "openai", "chat/completions"],
    ["https://api.openai.com/v1/responses", "openai", "responses"],
    ["https://api.openai.com/v1/embeddings", "openai", "embeddings"],
    ["https://api.anthropic.com/v1/messages", "anthropic", "messages"],
    [
      "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
      "gemini",
      "streamGenerateContent",
    ],
    ["https://api.groq.com/openai/v1/chat/completions", "groq", "chat/completions"],
    [
      "https://x.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=1",
      "azure",
      "chat/completions",
    ],
    ["https://openrouter.ai/api/v1/chat/completions", "openrouter", "chat/completions"],
    ["https://api.mistral.ai/v1/chat/completions", "mistral", "chat/completions"],
    ["https://api.together.xyz/v1/chat/completions", "together", "chat/completions"],
    ["http://localhost:11434/v1/chat/completions", "openai-compatible", "chat/completions"],
    ["http://127.0.0.1:9/v1/messages", "anthropic", "messages"],
    ["http://127.0.0.1:9/v1beta/models/gemini-x:generateContent", "gemini", "generateContent"],
  ])("%s", (url, vendor, endpoint) => {
    const found = findVendor(new URL(url), "POST")
    expect([found?.vendor.name, found?.call.endpoint]).toEqual([vendor, endpoint])
  })

  it.each([
    ["https://api.openai.com/v1/models", "GET"],
    ["https://api.openai.com/v1/chat/completions", "GET"],
    ["https://api.openai.com/v1/files", "POST"],
    ["https://api.openai.com/v1/responses/resp_1/cancel", "POST"],
    ["https://api.anthropic.com/v1/messages/count_tokens", "POST"],
    ["https://api.anthropic.com/v1/messages/batches", "POST"],
    ["https://example.com/", "POST"],
  ])("%s %s is no model call", (url, method) => {
    expect(findVendor(new URL(url), method)).toBeUndefined()
  })

  it("finds Azure's model in the URL", () => {
    const url = new URL("https://x.openai.azure.com/openai/deployments/my-gpt/chat/completions")
    const { vendor, call } = findVendor(url, "POST")!
    expect(vendor.read({ messages: [] }, call).model).toBe("my-gpt")
  })
})

describe("what is charged at arrival", () => {
  const learned = new LearnedTokens()
  const body = { model: "m", messages: [{ role: "user", content: "x".repeat(396) }], max_tokens: 1000 }
  const call = { endpoint: "chat/completions", model: "m" }
  it.each([
    ["openai", { requests: 1, inputTokens: 100, outputTokens: 900 }],
    ["azure", { requests: 1, inputTokens: 100, outputTokens: 1000 }],
    ["groq", { requests: 1, inputTokens: 100, outputTokens: 512 }],
    ["anthropic", { requests: 1, inputTokens: 100, outputTokens: 512 }],
  ])("%s", (name, cost) => {
    const vendor = vendorOf(name)
    expect(vendor.estimate(vendor.read(body, call), learned)).toEqual(cost)
  })

  it("Gemini counts input alone", () => {
    const facts = vendorOf("gemini").read(
      { contents: [{ parts: [{ text: "x".repeat(400) }] }] },
      { endpoint: "generateContent", model: "m" },
    )
    expect(vendorOf("gemini").estimate(facts, learned)).toEqual({ requests: 1, inputTokens: 100, outputTokens: 0 })
  })

  it("Anthropic's cache reads and Groq's cached tokens are free, OpenAI's reservation is not given back", () => {
    const usage = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 60, cacheWriteTokens: 0 }
    const estimate = { requests: 1, inputTokens: 90, outputTokens: 910 }
    expect(vendorOf("anthropic").charged(estimate, usage)).toEqual({ requests: 1, inputTokens: 40, outputTokens: 10 })
    expect(vendorOf("groq").charged(estimate, usage)).toEqual({ requests: 1, inputTokens: 40, outputTokens: 10 })
    expect(vendorOf("openai").charged(estimate, usage)).toEqual({ requests: 1, inputTokens: 100, outputTokens: 900 })
  })

  it.each(["anthropic", "groq"])("%s: more cached than was read is no less than nothing", (name) => {
    const vendor = vendorOf(name)
    const facts = vendor.read(body, call)
    const usage = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 175, cacheWriteTokens: 0 }
    const costed = { vendor, facts, learned }
    expect(chargedFor(costed, { requests: 1 }, usage, true)).toEqual({ requests: 1, inputTokens: 0, outputTokens: 10 })
  })

  it.each([{ inputTokns: 5 }, { inputTokens: Number.NaN }, undefined])(
    "a vendor of somebody's own that charges %j is charged its estimate",
    (said) => {
      const vendor: Vendor = { ...vendorOf("openai"), charged: () => said as never }
      const usage = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 0, cacheWriteTokens: 0 }
      const estimate = { requests: 1, inputTokens: 70 }
      expect(chargedFor({ vendor, facts: vendor.read(body, call), learned }, estimate, usage, true)).toEqual(estimate)
    },
  )

  it.each([
    ["openai", 50, 0],
    ["openai", 1_000, 900],
    ["openai", undefined, 10],
    ["azure", 50, 50],
  ])(
    "%s, a prompt of 100 tokens, an answer of 10 and max_tokens %s: %i beside the prompt",
    (name, cap, outputTokens) => {
      const vendor = vendorOf(name)
      const facts = vendor.read({ ...body, max_tokens: cap }, call)
      const { outputTokens: reserved = 0 } = vendor.estimate(facts, learned)
      const usage = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 0, cacheWriteTokens: 0 }
      const estimate = { requests: 1, inputTokens: 100, outputTokens: cap === undefined ? 0 : reserved }
      expect(vendor.charged(estimate, usage, facts)).toEqual({ requests: 1, inputTokens: 100, outputTokens })
    },
  )
})

describe("learning", () => {
  it("finds tokens per character and the length of answers, mean and spread", () => {
    const learned = new LearnedTokens()
    for (let i = 0; i < 300; i++) {
      learned.learnInput({ textChars: 1000, mediaParts: 0 }, 500)
      learned.learnOutput(i % 2 === 0 ? 80 : 120)
    }
    expect(learned.inputTokens({ textChars: 2000, mediaParts: 0 })).toBeCloseTo(1000, -1)
    expect(learned.outputMean).toBeGreaterThan(97)
    expect(learned.outputMean).toBeLessThan(103)
    expect(learned.outputSpread).toBeGreaterThan(18)
    expect(learned.outputSpread).toBeLessThan(22)
  })
})
