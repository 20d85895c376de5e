import { readFileSync } from "node:fs"
import { openJournal } from "@sluice/journal"
import { expect, test } from "vitest"
import { temporaryJournal } from "./temporary.ts"

test("runs are listed with their counts; items with what was asked for, in the order asked for", async () => {
  await using journal = openJournal({ path: temporaryJournal() })
  const run = await journal.openRun({ runId: "r", flow: "digest" })
  const item = (index: number) => ({ node: "digest/a", visit: 0, params: { file: "x" }, index, input: index })
  const cost = { requests: 1, inputTokens: 10, outputTokens: 5, usd: 0.001 }
  for (const index of [2, 0, 3]) {
    await run.settle(item(index), { status: "ok", index, value: index, attempts: 1 }, cost)
  }
  await run.settle({ ...item(1), key: "one" }, { status: "failed", index: 1, error: new Error("no"), attempts: 3 })
  await run.settle(
    { node: "digest/step", visit: 0, params: {}, input: 1 },
    { status: "ok", index: 0, value: null, attempts: 1 },
  )
  expect(journal.runs()).toMatchObject([
    { runId: "r", flow: "digest", status: "running", ok: 4, failed: 1, pid: process.pid },
  ])
  const indexes = (query: Parameters<typeof journal.items>[1]) =>
    [...journal.items("r", query)].map(({ index }) => index)
  expect(indexes({})).toEqual([2, 0, 3, 1, undefined])
  expect(indexes({ order: "input", node: "digest/a" })).toEqual([0, 1, 2, 3])
  expect(indexes({ order: "input", node: "digest/a", fromIndex: 2 })).toEqual([2, 3])
  expect(indexes({ status: "failed" })).toEqual([1])
  expect([...journal.items("r", { status: "failed" })]).toMatchObject([
    { key: "one", params: { file: "x" }, attempts: 3, error: { name: "Error", message: "no" } },
  ])
  expect([...journal.items("r")][0]).toMatchObject({ cost, value: 2 })
  await run.end("failed")
  expect(journal.runs()).toMatchObject([{ status: "failed", pid: undefined, endedAtMs: expect.any(Number) }])
})

test("more items than a page", async () => {
  await using journal = openJournal({ path: temporaryJournal() })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const indexes = Array.from({ length: 200 }, (_, index) => index)
  const settle = (index: number) =>
    run.settle(
      { node: "n", visit: 0, params: {}, index, input: index },
      { status: "ok", index, value: index, attempts: 1 },
    )
  await Promise.all(indexes.map(settle))
  expect([...journal.items("r")].map(({ index }) => index)).toEqual(indexes)
})

test("an unknown run is told", async () => {
  await using journal = openJournal({ path: temporaryJournal() })
  expect(() => [...journal.items("nope")]).toThrow(/has no run "nope"/)
})

test("secrets are nowhere in the file: not in values, errors, answers, nor in what SQLite keeps beside it", async () => {
  const path = temporaryJournal()
  const secret = "hunter2-hunter2-hunter2"
  const journal = openJournal({ path, secrets: [secret] })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const item = (index: number) => ({ node: "n", visit: 0, params: {}, index, input: `has ${secret}` })
  await run.settle(item(0), { status: "ok", index: 0, value: { text: `key ${secret}!` }, attempts: 1 })
  const error = Object.assign(new Error(`401 for ${secret}`), {
    headers: { authorization: secret },
    errors: [new Error("Bearer abcdefgh12345678"), new Error("sk-ant-api03-abcdefghijklmnop")],
  })
  await run.settle(item(1), { status: "failed", index: 1, error, attempts: 1 })
  await journal.responses.put(journal.responses.keyOf("q"), { echo: secret })
  const bytes = readFileSync(path, "latin1") + readFileSync(`${path}-wal`, "latin1")
  expect(bytes).toContain("key [redacted]!")
  expect(bytes).toContain("401 for [redacted]")
  for (const text of [secret, "abcdefgh12345678", "sk-ant-api03"]) expect(bytes).not.toContain(text)
  await journal.close()
})
