import { expect, test } from "vitest"
import { dollars, range } from "../../client/format.ts"

test.each([
  [0, "$0.00"],
  [0.000_000_123, "$0.00000012"],
  [0.000_057, "$0.000057"],
  [0.000_06, "$0.000060"],
  [0.001, "$0.0010"],
  [0.0551, "$0.0551"],
  [0.12345, "$0.1235"],
  [1.9, "$1.90"],
  [1_250, "$1,250.00"],
])("%d dollars are %s: of little ones two digits, so that a column of them adds up", (usd, words) => {
  expect(dollars(usd)).toBe(words)
})

test.each([
  [270_000, 330_000, "5 min to 6 min"],
  [280_000, 310_000, undefined],
  [20_000, 40_000, "20 s to 40 s"],
])("from %d to %d ms is left: %s", (low, high, words) => {
  expect(range(low, high)).toBe(words)
})
