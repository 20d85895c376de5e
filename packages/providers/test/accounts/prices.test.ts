import { describe, expect, it } from "vitest"
import { bestPattern, prices, pricesAsOf, usdOf } from "../../src/index.ts"

const priceOf = (model: string): unknown => prices[bestPattern(Object.keys(prices), model) ?? ""]

describe("the price list", () => {
  it("has a date, and nothing in it is absurd", () => {
    expect(pricesAsOf).toMatch(/^20\d\d-(0[1-9]|1[0-2])$/)
    for (const [model, { input, output, cachedInput = input, cacheWrite = input }] of Object.entries(prices)) {
      expect(input, model).toBeGreaterThan(0)
      expect(input, model).toBeLessThanOrEqual(15)
      expect(output, model).toBeLessThanOrEqual(10 * input)
      expect(cachedInput, model).toBeLessThanOrEqual(input)
      expect(cacheWrite, model).toBeGreaterThanOrEqual(input)
    }
  })

  it("gives nothing back for more cached tokens than were read", () => {
    const usage = { inputTokens: 100, outputTokens: 0, cachedInputTokens: 1_000, cacheWriteTokens: 0 }
    expect(usdOf({ input: 10, output: 10, cachedInput: 0.1 }, usage)).toBeCloseTo(0.0001)
  })

  it.each([
    ["claude-opus-4-20250514", 15],
    ["claude-opus-4-1-20250805", 15],
    ["claude-opus-4-5-20251101", 5],
    ["claude-opus-5-5", 4],
    ["claude-sonnet-4-5-20250929", 3],
    ["claude-haiku-4-5", 1],
    ["gpt-5-mini-2025-08-07", 0.25],
    ["gpt-5-2025-08-07", 1.25],
    ["gpt-4o-mini", 0.15],
    ["gpt-4o-2024-11-20", 2.5],
    ["gemini-2.5-flash-lite-preview", 0.1],
    ["gemini-2.5-flash", 0.3],
  ])("%s costs %f a million input tokens", (model, input) => {
    expect(priceOf(model)).toMatchObject({ input })
  })

  it("does not price what it does not know", () => {
    for (const model of ["gpt-5-chat", "my-finetune", "claude-next"]) expect(priceOf(model), model).toBeUndefined()
  })

  it("counts cached and written tokens at their own price", () => {
    const price = { input: 1, output: 10, cachedInput: 0.1, cacheWrite: 1.25 }
    const usage = { inputTokens: 1000, outputTokens: 100, cachedInputTokens: 400, cacheWriteTokens: 200 }
    expect(usdOf(price, usage)).toBeCloseTo((400 * 1 + 400 * 0.1 + 200 * 1.25 + 100 * 10) / 1e6, 12)
  })
})
