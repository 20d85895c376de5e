import { expect, test } from "vitest"
import { boundedText } from "../src/ports/bounded-text.ts"

test("a text of usual length is what it was; a longer one is its beginning, and says how long it was", () => {
  const usual = "x".repeat(10_000)
  expect(boundedText(usual)).toBe(usual)
  const bounded = boundedText(`no such file: ${"x".repeat(1 << 20)}`)
  expect(bounded).toHaveLength(10_000)
  expect(bounded).toMatch(/^no such file: x+… \(cut: it has 1048590 characters\)$/)
  expect(boundedText(bounded)).toBe(bounded)
})

test("half a letter is not left", () => {
  for (const more of ["", "x"]) expect(boundedText(more + "🦥".repeat(10_000)).isWellFormed()).toBe(true)
})
