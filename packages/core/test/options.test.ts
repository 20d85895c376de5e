import { describe, expect, it, test } from "vitest"
import {
  anything,
  between,
  callable,
  checkArgument,
  checkOptions,
  count,
  fields,
  flag,
  hasAmounts,
  having,
  iterable,
  listOf,
  milliseconds,
  needed,
  objectOr,
  oneOf,
  positive,
  recordOf,
  type Shape,
  text,
  wrongValue,
} from "../src/options.ts"
import { wrongCost } from "../src/cost.ts"

interface Options {
  name: string
  limit?: number
  share?: number
  waitMs?: number
  price?: number
  order?: "input" | "completion"
  fn?: () => void
  on?: boolean
  clock?: object
  retry?: { maxAttempts: number; backoff?: { factor?: number } }
  rate?: number | { limit: number }
  models?: Record<string, { limit: number }>
  keys?: string[]
  free?: unknown
}

const limited = fields<{ limit: number }>({ limit: needed(positive) })
const shape: Shape<Options> = {
  name: needed(text),
  limit: count(),
  share: between(0, 1),
  waitMs: milliseconds,
  price: positive,
  order: oneOf("input", "completion"),
  fn: callable,
  on: flag,
  clock: having("a Clock", "now"),
  retry: fields<NonNullable<Options["retry"]>>({
    maxAttempts: needed(count()),
    backoff: fields({ factor: between(1, Infinity) }),
  }),
  rate: objectOr(limited, positive),
  models: recordOf(limited),
  keys: listOf(text),
  free: anything,
}

const check = (options: object): void => checkOptions("thing", { name: "x", ...options }, shape)

describe("options", () => {
  it("that are right pass, also those that are undefined", () => {
    check({})
    check({
      limit: undefined,
      retry: { maxAttempts: Infinity, backoff: {} },
      rate: { limit: 1 },
      models: { a: { limit: 2 } },
    })
    check({
      limit: 3,
      share: 0,
      waitMs: 0,
      price: 0.1,
      order: "input",
      fn: () => {},
      on: false,
      keys: ["k"],
      free: null,
    })
    check({ clock: { now: () => 1 } })
  })

  it.each([
    [{ limt: 3 }, 'thing: unknown option "limt". Did you mean "limit"?'],
    [{ retry: { maxAttempt: 3 } }, 'thing: unknown option "retry.maxAttempt". Did you mean "maxAttempts"?'],
    [{ retry: { zzzzzzzz: 3 } }, 'thing: unknown option "retry.zzzzzzzz". Known: maxAttempts, backoff.'],
    [{ toString: 3 }, 'thing: unknown option "toString". Known: name, limit'],
    [{ models: { a: { limits: 2 } } }, 'thing: unknown option "models.a.limits". Did you mean "limit"?'],
    [{ name: undefined }, "thing: name must be a non-empty string (got undefined)."],
    [{ name: "" }, 'thing: name must be a non-empty string (got "").'],
    [{ limit: 0 }, "thing: limit must be a whole number of at least 1 (got 0)."],
    [{ limit: "5" }, 'thing: limit must be a whole number of at least 1 (got "5").'],
    [{ share: 2 }, "thing: share must be a number from 0 to 1 (got 2)."],
    [{ waitMs: Number.NaN }, "thing: waitMs must be a number of milliseconds from 0 up (got NaN)."],
    [{ price: Infinity }, "thing: price must be a number above 0 (got Infinity)."],
    [{ order: "random" }, 'thing: order must be "input" or "completion" (got "random").'],
    [{ fn: "x" }, 'thing: fn must be a function (got "x").'],
    [{ on: 1 }, "thing: on must be true or false (got 1)."],
    [{ clock: { now: 5 } }, "thing: clock must be a Clock (got an object)."],
    [{ retry: 3 }, "thing: retry must be an object (got 3)."],
    [{ retry: [] }, "thing: retry must be an object (got a list)."],
    [{ retry: {} }, "thing: retry.maxAttempts must be a whole number of at least 1 (got undefined)."],
    [
      { retry: { maxAttempts: 2, backoff: { factor: 0 } } },
      "thing: retry.backoff.factor must be a number from 1 up (got 0).",
    ],
    [{ rate: -1 }, "thing: rate must be a number above 0 (got -1)."],
    [{ rate: { limit: () => 1 } }, "thing: rate.limit must be a number above 0 (got a function)."],
    [{ models: { a: 5 } }, "thing: models.a must be an object (got 5)."],
    [{ models: [] }, "thing: models must be an object (got a list)."],
    [{ keys: "k" }, 'thing: keys must be a list (got "k").'],
    [{ keys: ["k", ""] }, 'thing: keys.1 must be a non-empty string (got "").'],
  ])("%j: %s", (options, message) => {
    expect(() => check(options)).toThrow(message)
    expect(() => check(options)).toThrow(expect.objectContaining({ code: "invalid-option" }))
  })

  it("that are no object at all", () => {
    expect(() => checkOptions<Options>("thing", 5 as never, shape)).toThrow("thing: options must be an object (got 5).")
  })
})

describe("an argument", () => {
  it.each<[unknown, string]>([
    [undefined, "thing: items must be an array, an iterable or an async iterable (got undefined)."],
    [null, "thing: items must be an array, an iterable or an async iterable (got null)."],
    [{ a: 1 }, "thing: items must be an array, an iterable or an async iterable (got an object)."],
  ])("%o is told like an option", (value, message) => {
    expect(() => checkArgument("thing", "items", value, iterable)).toThrow(message)
  })

  it.each([[[]], [new Set()], [(async function* () {})()]])("%o passes", (value) => {
    expect(() => checkArgument("thing", "items", value, iterable)).not.toThrow()
  })
})

test("what comes with every call is looked at by a check that was made before", () => {
  const asked = fields<{ maxWaitMs: number; signal: object }>({ maxWaitMs: milliseconds, signal: anything })
  expect(wrongValue("admit", { maxWaitMs: 5, signal: undefined }, asked)).toBeUndefined()
  expect(wrongValue("admit", { maxWait: 5, maxWaitMs: -1 }, asked)).toMatchObject({
    code: "invalid-option",
    message: 'admit: unknown option "maxWait". Did you mean "maxWaitMs"?',
    details: { path: "maxWait", got: 5 },
  })
  expect(wrongValue("admit", { maxWaitMs: -1, signal: 1 }, asked)?.message).toBe(
    "admit: maxWaitMs must be a number of milliseconds from 0 up (got -1).",
  )
})

test("amounts alone, and a name beside them", () => {
  const isReading = (value: unknown) =>
    hasAmounts(value as object, "limit", "left", "resetMs", "windowMs", "step", "of")
  expect(isReading({ limit: 5, left: 0, resetMs: undefined, windowMs: 1, step: 2, of: "tokens" })).toBe(true)
  expect(isReading({ of: "tokens", limit: -1 })).toBe(false)
  expect(isReading({ of: "tokens", limits: 1 })).toBe(false)
  expect(isReading(5)).toBe(false)
})

describe("a cost", () => {
  it.each([{}, { requests: 0 }, { inputTokens: 5, outputTokens: undefined, usd: 0.5 }])("%j passes", (cost) => {
    expect(wrongCost("admit", "cost", cost as never)).toBeUndefined()
  })

  it.each<[unknown, string]>([
    [{ inputTokens: 5, outputToken: 3 }, 'unknown option "cost.outputToken". Did you mean "outputTokens"?'],
    [{ usd: Number.NaN }, "cost.usd must be a number from 0 up (got NaN)."],
    [{ requests: 1, usd: -1 }, "cost.usd must be a number from 0 up (got -1)."],
    [{ inputTokens: Infinity }, "cost.inputTokens must be a number from 0 up (got Infinity)."],
    [{ inputTokens: "900" }, 'cost.inputTokens must be a number from 0 up (got "900").'],
    [{ usd: null }, "cost.usd must be a number from 0 up (got null)."],
    [900, "cost must be an object (got 900)."],
    [null, "cost must be an object (got null)."],
  ])("%j is none", (cost, message) => {
    expect(wrongCost("admit", "cost", cost as never)).toMatchObject({
      code: "invalid-option",
      message: `admit: ${message}`,
    })
  })
})
