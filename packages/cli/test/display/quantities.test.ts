import { expect, it } from "vitest"
import { countOf, formatCount, formatDuration, formatUsd, limitOf } from "../../src/display/quantities.ts"

it.each([
  [0, "0"],
  [999.4, "999"],
  [1_000, "1.0k"],
  [9_949, "9.9k"],
  [9_950, "10k"],
  [388_123, "388k"],
  [999_499, "999k"],
  [999_500, "1.0M"],
  [12_345_678, "12M"],
])("formatCount(%d) is %s", (value, text) => {
  expect(formatCount(value)).toBe(text)
})

it.each([
  [-5, "0:00"],
  [499, "0:00"],
  [7_000, "0:07"],
  [59_600, "1:00"],
  [754_000, "12:34"],
  [3_723_000, "1:02:03"],
])("formatDuration(%d) is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

it.each([
  [0, "$0.0000"],
  [1e-12, "$0.0000"],
  [0.000_003_2, "$0.0000032"],
  [0.000_05, "$0.000050"],
  [0.000_123, "$0.0001"],
  [0.5, "$0.5000"],
  [12.3, "$12.30"],
])("formatUsd(%d) is %s", (usd, text) => {
  expect(formatUsd(usd)).toBe(text)
})

it("one is singular", () => {
  expect([countOf(0, "call"), countOf(1, "call"), countOf(2, "call")]).toEqual(["0 calls", "1 call", "2 calls"])
})

it.each([
  [{ perMinute: 30, limitPerMinute: 30 }, " of 30"],
  [{ perMinute: 36, limitPerMinute: 30 }, " of 30 and what stood ready"],
  [{ perMinute: 90, limitPerMinute: 30 }, " of 30"],
  [{ perMinute: 36 }, ""],
])("of a rate %o the limit reads %s", (rate, text) => {
  expect(limitOf({ name: "requests", ...rate })).toBe(text)
})
