import { SluiceError } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { ask, coalesce, limitedFetch, openaiOptions, runBatches, usageTally, withCall } from "../../src/index.ts"

function messageOf(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    return SluiceError.isInstance(error) ? `${error.code}: ${error.message}` : `not ours: ${String(error)}`
  }
  return "accepted"
}

describe("a wrong option is refused at once, by its name", () => {
  it.each<[string, object, RegExp]>([
    [
      "a misspelt limit",
      { requestPerMinute: 5 },
      /^invalid-option: limitedFetch: unknown option "requestPerMinute"\. Did you mean "requestsPerMinute"\?/,
    ],
    ["a misspelt option", { timeOutMs: 5 }, /limitedFetch: unknown option "timeOutMs"\. Did you mean "timeoutMs"\?/],
    [
      "one of a limit",
      { requestsPerMinute: { limit: 5, kinds: "bucket" } },
      /limitedFetch: unknown option "?requestsPerMinute\.kinds/,
    ],
    [
      "one of a pattern",
      { limits: { "gpt-*": { tokenPerMinute: 5 } } },
      /limitedFetch: limits\["gpt-\*"\]: unknown option "?tokenPerMinute/,
    ],
    [
      "one of retry",
      { retry: { maxAttempt: 3 } },
      /limitedFetch: unknown option "retry\.maxAttempt"\. Did you mean "maxAttempts"\?/,
    ],
    [
      "one of a fallback",
      { fallback: [{ model: "m", wen: {} }] },
      /limitedFetch: unknown option "fallback\.0\.wen"\. Did you mean "when"\?/,
    ],
    [
      "another address as a fallback",
      { fallback: [{ url: "https://other.example" }] },
      /limitedFetch: unknown option "fallback\.0\.url"\. Known: /,
    ],
    [
      "a word as priority",
      { priority: "high" },
      /limitedFetch: priority must be a number or a function \(got "high"\)/,
    ],
    ["a price in words", { prices: { m: { input: "1" } } }, /limitedFetch: prices\.m\.input must be/],
    ["one key as a string", { keys: "sk-1" }, /limitedFetch: keys must be a list/],
    ["a limit of the top level", { requestsPerMinute: -1 }, /limitedFetch: requestsPerMinute must be .* 0.* -1/],
    ["a name for a vendor", { vendor: "opnai" }, /no vendor is called "opnai".*Did you mean "openai"/],
  ])("%s", (_name, options, message) => {
    expect(messageOf(() => limitedFetch(options))).toMatch(message)
    expect(messageOf(() => openaiOptions(options))).toMatch(message)
    expect(messageOf(() => limitedFetch(options))).not.toContain('limits["*"]')
  })

  it("an option that is undefined is one that is left out", () => {
    expect(messageOf(() => limitedFetch({ requestsPerMinute: undefined, keys: undefined } as object))).toBe("accepted")
  })

  it("an argument that is missing is told as one", async () => {
    expect(messageOf(() => withCall({}, undefined as never))).toBe(
      "invalid-option: withCall: fn must be a function (got undefined).",
    )
    const late = async (make: () => Promise<unknown>): Promise<string> =>
      make().then(
        () => "accepted",
        (error: unknown) =>
          messageOf(() => {
            throw error
          }),
      )
    expect(await late(() => ask("m", undefined as never))).toMatch(/ask: options must be an object \(got undefined\)/)
    expect(await late(() => ask("m", { schema: {} as never, prompt: "p" }))).toMatch(
      /ask: schema must be a Standard Schema/,
    )
    expect(await late(() => runBatches([], undefined as never))).toMatch(/runBatches: options must be an object/)
    expect(await late(() => runBatches({} as never, {} as never))).toMatch(/runBatches: bodies must be a list/)
  })

  it("the same for coalesce and usageTally", () => {
    const whole = { maxItems: 2, pack: async () => "", unpack: () => [] }
    expect(messageOf(() => coalesce({ ...whole, maxItem: 3 } as never))).toMatch(
      /coalesce: unknown option "maxItem"\. Did you mean "maxItems"\?/,
    )
    expect(messageOf(() => coalesce({ ...whole, maxWaitMs: -1 }))).toMatch(/coalesce: maxWaitMs must be/)
    expect(messageOf(() => coalesce({ maxItems: 2 } as never))).toMatch(/coalesce: pack must be a function/)
    expect(messageOf(() => usageTally({ item: true } as never))).toMatch(
      /usageTally: unknown option "item"\. Did you mean "items"\?/,
    )
  })
})

describe("secrets that no header can carry are refused at once, by the option's name and without their value", () => {
  it.each([
    ["a line end inside", "sk-first\nsk-second"],
    ["beyond Latin-1", "sk-„quoted“"],
    ["empty", ""],
  ])("%s", (_name, key) => {
    for (const [options, name] of [
      [{ keys: ["sk-good", key] }, "keys\\[1\\]"],
      [{ fallback: [{ key }] }, "fallback\\[0\\]\\.key"],
    ] as const) {
      const message = messageOf(() => limitedFetch(options))
      expect(message).toMatch(new RegExp(`^invalid-option: limitedFetch: ${name} `))
      if (key !== "") expect(message).not.toContain(key)
    }
  })
})
