import { expect, test } from "vitest"

test("passes, and leaves a promise that nobody waits for", () => {
  void Promise.reject(new TypeError("nobody caught this"))
  expect(1).toBe(1)
})
