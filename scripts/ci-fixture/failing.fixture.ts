import { describe, expect, test } from "vitest"

test("one passes", () => {
  expect(1).toBe(1)
})

describe("a group", () => {
  test("two fails", () => {
    expect(1).toBe(2)
  })
})

test.skip("three is skipped", () => {
  expect(1).toBe(2)
})
