import { readFileSync } from "node:fs"
import { openJournal, redactSecrets } from "@sluice/journal"
import { expect, test } from "vitest"
import { temporaryJournal } from "./temporary.ts"

const item = (index: number, input: unknown = index) => ({ node: "n", visit: 0, params: {}, index, input })

test.each([
  ["a line end from an .env file", "hunter2-hunter2\r", "401: hunter2-hunter2 is wrong"],
  ["quotes and a backslash, as they are", String.raw`hun"ter\2-2`, String.raw`401: hun"ter\2-2 is wrong`],
  ["quotes and a backslash, inside JSON", String.raw`hun"ter\2-2`, String.raw`401: {"key":"hun\"ter\\2-2"}`],
  ["in an address", "hun ter/2+2", "401 at /v1?key=hun%20ter%2F2%2B2"],
])("a key is found: %s", (_name, secret, text) => {
  const clean = redactSecrets(text, [secret])
  expect(clean).toContain("[redacted]")
  expect(clean).not.toMatch(/hun/)
})

test("of two keys, one the beginning of the other, nothing is left", () => {
  expect(redactSecrets("a long-key-123-and-more b", ["long-key-123", "long-key-123-and-more"])).toBe("a [redacted] b")
})

const vendorKeys = [
  `sk-proj-${"a".repeat(20)}`,
  `AIza${"b".repeat(35)}`,
  `Bearer ${"c".repeat(20)}`,
  `Bearer\n${"d".repeat(20)}`,
] as const
const escapings: readonly (readonly [string, (text: string) => string])[] = [
  ["as it is", (text) => text],
  ["in JSON", (text) => JSON.stringify({ text })],
  ["in JSON in JSON", (text) => JSON.stringify(JSON.stringify({ text }))],
  ["in an address", (text) => encodeURIComponent(text)],
]
test.each(escapings)("a vendor's key is found by its shape, whatever it stands after: %s", (_name, escaped) => {
  for (const key of vendorKeys) {
    for (const before of ["", " ", "\n", "\t", "\r", "\b", "\f", "\0", "\u001B", '"', "é"]) {
      const clean = redactSecrets(escaped(`said:${before}${key} and no more`), [])
      expect([before, clean]).toEqual([
        before,
        escaped(`said:${before}[redacted] and no more`).replace("%5Bredacted%5D", "[redacted]"),
      ])
    }
  }
})

test.each(["task-abcdefghijklmnopqrst", String.raw`C:\task-abcdefghijklmnopqrst`, "disk-0123456789abcdef0123"])(
  "a word that only ends like a key stays: %s",
  (text) => expect(redactSecrets(text, [])).toBe(text),
)

test("values are redacted before they are JSON: whatever a key is made of, the journal stays readable and the rest as it was", async () => {
  const path = temporaryJournal()
  const secrets = ['output":"', String.raw`hun"ter\2-2`, "line-1\nline-2"]
  const value = {
    output: `said ${secrets[1]} and ${secrets[2]}`,
    list: [secrets[0], 1, null, true, { [`${secrets[1]}`]: "as a name" }],
  }
  const journal = openJournal({ path, secrets })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  await run.settle(item(0), { status: "ok", index: 0, value, attempts: 1 })
  const error = Object.assign(new Error(`no ${secrets[1]}`), {
    code: `bad ${secrets[1]}`,
    cause: new Error(secrets[2]),
  })
  await run.settle(item(1), { status: "failed", index: 1, error, attempts: 1 })
  const key = journal.responses.keyOf("q")
  await journal.responses.put(key, { body: JSON.stringify({ echo: secrets[1] }) })
  expect(run.lookup(item(0))).toMatchObject({
    value: {
      output: "said [redacted] and [redacted]",
      list: ["[redacted]", 1, null, true, { "[redacted]": "as a name" }],
    },
  })
  expect(run.lookup(item(1))).toMatchObject({
    error: { message: "no [redacted]", code: "bad [redacted]", cause: { message: "[redacted]" } },
  })
  expect(journal.responses.get(key)).toEqual({ body: '{"echo":"[redacted]"}' })
  const bytes = readFileSync(path, "latin1") + readFileSync(`${path}-wal`, "latin1")
  expect(bytes).not.toMatch(/hun.{1,3}ter|line-1/)
  await journal.close()
})

test("an item's own input is never changed, whatever it holds", async () => {
  const secret = "hunter2-hunter2"
  await using journal = openJournal({ path: temporaryJournal(), secrets: [secret] })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const record = { text: `my password is ${secret}`, [secret]: 1 }
  const value = { input: record, output: `you said: ${record.text}` }
  await run.settle(item(0, record), { status: "ok", index: 0, value, attempts: 1 })
  expect(run.lookup(item(0, record))).toMatchObject({
    value: { input: record, output: "you said: my password is [redacted]" },
  })
})
