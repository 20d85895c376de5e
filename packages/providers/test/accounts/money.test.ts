import { setTimeout as sleep } from "node:timers/promises"
import { SluiceError, type SluiceEvent } from "@sluice/core"
import OpenAI from "openai"
import { describe, expect, it } from "vitest"
import { limitedFetch, type LimitedFetchOptions, openaiOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

const prices = { paid: { input: 0, output: 10, maxOutputTokens: 1000 } }

/** A server whose answers have `outputTokens` tokens each, at 10 dollars a million. */
async function setUp(
  options: LimitedFetchOptions,
  outputTokens: (n: number) => number,
): Promise<{
  ask: (body?: object) => Promise<string>
  arrived: () => number
  mostAtOnce: () => number
  spent: () => number
}> {
  let atOnce = 0
  let mostAtOnce = 0
  const server = await scriptedServer((n, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    void sleep(20).then(() => {
      atOnce--
      response.setHeader("content-type", "application/json")
      const usage = { prompt_tokens: 10, completion_tokens: outputTokens(n), total_tokens: 10 + outputTokens(n) }
      response.end(JSON.stringify({ choices: [{ message: { role: "assistant", content: "hi" } }], usage }))
    })
  })
  const events: SluiceEvent[] = []
  const fetch = limitedFetch({ prices, concurrency: 100, onEvent: (event) => events.push(event), ...options })
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "sk-paid", ...openaiOptions(fetch) })
  return {
    ask: (body = {}) =>
      openai.chat.completions.create({ model: "paid", messages: [{ role: "user", content: "hi" }], ...body }).then(
        () => "ok",
        (error: unknown) => codeOf(error),
      ),
    arrived: () => server.calls.length,
    mostAtOnce: () => mostAtOnce,
    spent: () => events.reduce((sum, event) => sum + (event.type === "usage" ? (event.cost.usd ?? 0) : 0), 0),
  }
}

/** SDKs carry the error of a `fetch` as the cause of their own. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause)
    if (SluiceError.isInstance(at)) return `${at.code}: ${at.message}`
  return String(error)
}

const count = (endings: readonly string[], code: string): number =>
  endings.filter((ending) => ending.startsWith(code)).length

describe("a budget of dollars", () => {
  it("a hundred calls at once never spend more than it: each is reserved at its max_tokens", async () => {
    const { ask, arrived, spent } = await setUp({ budgetUsd: 0.1 }, () => 2000)
    const endings = await Promise.all(Array.from({ length: 100 }, () => ask({ max_tokens: 2000 })))
    expect([count(endings, "ok"), arrived()]).toEqual([5, 5])
    expect(spent()).toBeCloseTo(0.1, 9)
    expect(count(endings, "budget-exhausted")).toBe(95)
  })

  it("without max_tokens it is the model's maximum, never a mean", async () => {
    const { ask, mostAtOnce, spent } = await setUp({ budgetUsd: 0.03 }, () => 1000)
    const endings = await Promise.all(Array.from({ length: 100 }, () => ask()))
    expect(count(endings, "ok")).toBe(3)
    expect(mostAtOnce()).toBeLessThanOrEqual(3)
    expect(spent()).toBeLessThanOrEqual(0.03)
  })

  it("a call that alone is above it is refused with the numbers and what to do, before it is sent", async () => {
    const { ask, arrived } = await setUp({ budgetUsd: 0.1 }, () => 20_000)
    const [ending] = await Promise.all(Array.from({ length: 100 }, () => ask({ max_tokens: 20_000 })))
    expect(ending).toMatch(/^cost-exceeds-limit: .*\$0\.20.*\$0\.10.*max_tokens/)
    expect(arrived()).toBe(0)
  })

  it("once ten answers are known, calls go side by side by what answers were like", async () => {
    const { ask, mostAtOnce, spent } = await setUp({ budgetUsd: 0.03 }, () => 10)
    for (let i = 0; i < 10; i++) expect(await ask()).toBe("ok")
    const endings = await Promise.all(Array.from({ length: 200 }, () => ask()))
    expect(count(endings, "ok")).toBe(200)
    expect(mostAtOnce()).toBeGreaterThan(20)
    expect(spent()).toBeCloseTo(0.021, 9)
  })

  it("what a call has cost that nobody counted is taken for likely, not for the most there may be", async () => {
    const { ask } = await setUp({ budgetUsd: 0.0145 }, (n) => (n < 2 ? Number.NaN : 1000))
    // Two answers without a count, taken for 256 tokens each: then one of 930 fits, and not another.
    expect([await ask(), await ask(), await ask({ max_tokens: 930 }), await ask({ max_tokens: 930 })]).toEqual([
      "ok",
      "ok",
      "ok",
      expect.stringMatching(/^budget-exhausted/),
    ])
  })

  it("a model of unknown length is taken for one of the longest answers there are", async () => {
    const { ask, arrived } = await setUp({ budgetUsd: 1, prices: { paid: { input: 0, output: 10 } } }, () => 128_000)
    const [first] = await Promise.all(Array.from({ length: 10 }, () => ask()))
    expect(first).toMatch(/^cost-exceeds-limit: .*\$1\.28/)
    expect(arrived()).toBe(0)
  })
})
