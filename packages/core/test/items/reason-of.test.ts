import { expect, test } from "vitest"
import { ItemError, SluiceError } from "@sluice/core"

const saidOf = (cause: unknown): string =>
  new ItemError("ask", { index: 0, attempts: 1, errors: [cause] }).message.replace(
    'Item 0 of "ask" failed after 1 attempt: ',
    "",
  )

test("what Sluice said below an SDK's words stands beside them, once", () => {
  const inner = new SluiceError("connection", "no connection (ECONNREFUSED) in 6 attempts. Check the address.")
  expect(saidOf(new Error("Connection error.", { cause: inner }))).toBe(
    "Connection error: no connection (ECONNREFUSED) in 6 attempts. Check the address.",
  )
  expect(saidOf(new Error(`Gave up: ${inner.message}`, { cause: inner }))).toBe(`Gave up: ${inner.message}`)
  expect(saidOf(inner)).toBe(inner.message)
  expect(saidOf(new Error("plain", { cause: new Error("below") }))).toBe("plain")
  expect(saidOf("a text")).toBe("a text")
})

test.each([
  ["Headers", { headers: new Headers({ "x-sluice-attempts": "20 refusals in 9:58" }) }],
  ["a record", { headers: { "x-sluice-attempts": "20 refusals in 9:58" } }],
  ["the AI SDK's", { responseHeaders: { "x-sluice-attempts": "20 refusals in 9:58" } }],
])("how often a vendor's answer was tried for is read from %s", (_name, where) => {
  const error = Object.assign(new Error("429 Too many requests"), where)
  expect(saidOf(error)).toBe("429 Too many requests (20 refusals in 9:58)")
  expect(saidOf(new Error("wrapped", { cause: error }))).toBe("wrapped (20 refusals in 9:58)")
  const said = Object.assign(new Error("429 (20 refusals in 9:58)"), where)
  expect(saidOf(said)).toBe(said.message)
  const nested = new ItemError("inner", { index: 1, attempts: 1, errors: [error] })
  expect(saidOf(nested)).toBe(nested.message)
})

test("headers that cannot be read are none", () => {
  const headers = new Proxy(
    {},
    {
      get() {
        throw new Error("no")
      },
    },
  )
  expect(saidOf(Object.assign(new Error("odd"), { headers }))).toBe("odd")
  expect(saidOf(Object.assign(new Error("odd"), { headers: null }))).toBe("odd")
})
