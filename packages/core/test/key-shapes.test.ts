import { hideKeyShapes } from "@sluice/core/internal"
import { expect, it } from "vitest"

const key = `sk-proj-${"a1".repeat(12)}`

it.each([
  ["a word's beginning", `the key ${key}.`, "the key [redacted]."],
  ["a line's beginning in JSON", JSON.stringify(`see\n${key}`), String.raw`"see\n[redacted]"`],
  ["an address", `/?text=a%20${key}`, "/?text=a%20[redacted]"],
  ["behind Bearer", `{"authorization":"Bearer ${"x9".repeat(8)}"}`, '{"authorization":"[redacted]"}'],
  [
    "no key: the end of a word",
    `ta${key.slice(0, 12)} and task-force-of-twenty-people`,
    `ta${key.slice(0, 12)} and task-force-of-twenty-people`,
  ],
])("hides what has the shape of a key: %s", (_where, text, hidden) => {
  expect(hideKeyShapes(text)).toBe(hidden)
})
