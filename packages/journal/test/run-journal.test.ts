import type { RecordIdentity } from "@sluice/core"
import { openJournal, type SqliteJournal } from "@sluice/journal"
import * as fc from "fast-check"
import { expect, onTestFinished, test } from "vitest"
import { temporaryJournal } from "./temporary.ts"

const base = { node: "digest/summarise", visit: 0, params: {} }
const item = (index: number, input: unknown = `text ${index}`): RecordIdentity => ({ ...base, index, input })
const ok = (index: number, value: unknown) => ({ status: "ok", index, value, attempts: 1 }) as const

function open(path = temporaryJournal()): SqliteJournal {
  const journal = openJournal({ path })
  onTestFinished(() => journal.close())
  return journal
}
const openRun = (journal: SqliteJournal, runId = "monday") => journal.openRun({ runId, flow: "digest" })

test.each([
  "text",
  "",
  'quotes " and \n lines and \u{1f4a7}',
  0,
  -1.5,
  true,
  null,
  undefined,
  [1, ["two", null]],
  { deep: { er: [{}] } },
])("a value comes back as it was settled, also from a reopened file: %j", async (value) => {
  const path = temporaryJournal()
  const first = open(path)
  const run = await openRun(first)
  await run.settle(item(0), { status: "ok", index: 0, value, attempts: 3 })
  expect(run.lookup(item(0))).toStrictEqual({ status: "ok", value, attempts: 3 })
  await first.close()
  expect((await openRun(open(path))).lookup(item(0))).toStrictEqual({ status: "ok", value, attempts: 3 })
})

test("a settled outcome is on disk: another connection sees it when settle resolves", async () => {
  const path = temporaryJournal()
  const run = await openRun(open(path))
  const reader = openJournal({ path, readOnly: true })
  await run.settle(item(0), ok(0, "a"))
  expect([...reader.items("monday")]).toMatchObject([{ index: 0, status: "ok", value: "a" }])
  await reader.close()
})

test("a failure comes back with every attempt's error, its code and cause, and without a request's headers", async () => {
  const run = await openRun(open())
  const vendor = Object.assign(new Error("429 too many requests", { cause: new TypeError("socket") }), {
    statusCode: 429,
    requestHeaders: { authorization: "hunter2" },
  })
  const error = Object.assign(new Error("3 attempts failed"), { code: "item-failed", errors: [vendor, "a text"] })
  await run.settle(item(0), { status: "failed", index: 0, error, attempts: 3 })
  const record = run.lookup(item(0))
  expect(record).toMatchObject({
    status: "failed",
    attempts: 3,
    error: {
      message: "3 attempts failed",
      code: "item-failed",
      errors: [
        { message: "429 too many requests", statusCode: 429, cause: { name: "TypeError", message: "socket" } },
        { message: "a text" },
      ],
    },
  })
  expect(JSON.stringify(record)).not.toContain("hunter2")
  expect(record?.status === "failed" && record.error).toBeInstanceOf(Error)
})

test("a failed item that succeeds later has one record, the later one", async () => {
  const journal = open()
  const run = await openRun(journal)
  await run.settle(item(0), { status: "failed", index: 0, error: new Error("down"), attempts: 3 })
  await run.settle(item(0), ok(0, "up"))
  expect([...journal.items("monday")]).toMatchObject([{ index: 0, status: "ok", value: "up" }])
})

test.each<[string, Partial<RecordIdentity>]>([
  ["node", { node: "digest/translate" }],
  ["visit", { visit: 1 }],
  ["params", { params: { file: "b" } }],
  ["key", { key: "a" }],
  ["input", { input: "another text" }],
  ["version", { version: "2" }],
])("another %s is another item", async (_name, change) => {
  const run = await openRun(open())
  await run.settle(item(0), ok(0, "a"))
  expect(run.lookup(item(0))).toBeDefined()
  expect(run.lookup({ ...item(0), ...change })).toBeUndefined()
})

test("a changed item replaces its record: an index has one result", async () => {
  const journal = open()
  const run = await openRun(journal)
  await run.settle(item(0, "old"), ok(0, "old"))
  await run.settle(item(0, "new"), ok(0, "new"))
  expect(run.lookup(item(0, "old"))).toBeUndefined()
  expect([...journal.items("monday")]).toMatchObject([{ value: "new" }])
})

test("the order of an input's properties does not matter; the order of an array does", async () => {
  const run = await openRun(open())
  await run.settle(item(0, { a: 1, b: [1, 2] }), ok(0, "a"))
  expect(run.lookup(item(0, { b: [1, 2], a: 1 }))).toBeDefined()
  expect(run.lookup(item(0, { a: 1, b: [2, 1] }))).toBeUndefined()
})

test("an item with a key is found wherever it moved, and is new when its content changed", async () => {
  const path = temporaryJournal()
  const first = open(path)
  const run = await openRun(first)
  await run.settle({ ...item(0, "text"), key: "a.txt" }, ok(0, "a"))
  await first.close()
  const again = await openRun(open(path))
  expect(again.lookup({ ...item(7, "text"), key: "a.txt" })).toMatchObject({ value: "a" })
  expect(again.lookup({ ...item(7, "other"), key: "a.txt" })).toBeUndefined()
  expect(again.lookup({ ...item(7, "text") })).toBeUndefined()
})

test("two items with one key: the error names both, the node and the key", async () => {
  const run = await openRun(open())
  expect(run.lookup({ ...item(3), key: "a.txt" })).toBeUndefined()
  expect(run.lookup({ ...item(3), key: "a.txt" })).toBeUndefined()
  expect(run.lookup({ ...item(4), key: "a.txt", params: { other: "params" } })).toBeUndefined()
  expect(() => run.lookup({ ...item(17), key: "a.txt" })).toThrowError(
    expect.objectContaining({
      code: "duplicate-key",
      message: expect.stringMatching(/Items 3 and 17 of node "digest\/summarise" have the same key "a.txt"/),
    }),
  )
})

test("thousands of keys: only a true duplicate is one", async () => {
  const run = await openRun(open())
  for (let index = 0; index < 20_000; index++) run.lookup({ ...item(index), key: `key-${index}` })
  expect(() => run.lookup({ ...item(20_000), key: "key-12345" })).toThrowError(/Items 12345 and 20000/)
})

test("runs of one file do not see each other's items", async () => {
  const journal = open()
  await (await openRun(journal, "monday")).settle(item(0), ok(0, "a"))
  expect((await openRun(journal, "tuesday")).lookup(item(0))).toBeUndefined()
})

test.each<[unknown, RegExp]>([
  [new Date(0), /value is an instance of Date/],
  [{ list: [1, { when: new Date(0) }] }, /value\.list\[1\]\.when is an instance of Date/],
  [new Map(), /instance of Map/],
  [() => 1, /value is a function/],
  [10n, /value is a bigint/],
  [{ score: Number.NaN }, /value\.score is NaN/],
  [[undefined], /value\[0\] is undefined/],
  [
    new (class Answer {
      text = ""
    })(),
    /instance of Answer/,
  ],
])("a value that would come back changed is refused at its node, by name", async (value, problem) => {
  const run = await openRun(open())
  const refusal = await run.settle(item(5), ok(5, value)).catch((error: unknown) => error)
  expect(refusal).toMatchObject({
    code: "not-serialisable",
    message: expect.stringMatching(/Node "digest\/summarise" made a result for item 5/),
  })
  expect((refusal as Error).message).toMatch(problem)
})

test("a value that contains itself is refused, one that occurs twice is not", async () => {
  const run = await openRun(open())
  const loop: Record<string, unknown> = {}
  loop["self"] = loop
  await expect(run.settle(item(0), ok(0, loop))).rejects.toThrow(/value\.self contains itself/)
  const shared = { a: 1 }
  await run.settle(item(1), ok(1, [shared, shared]))
  expect(run.lookup(item(1))).toMatchObject({ value: [{ a: 1 }, { a: 1 }] })
})

test("an ended run takes nothing more", async () => {
  const run = await openRun(open())
  await run.end("ok")
  await expect(run.settle(item(0), ok(0, "a"))).rejects.toThrow(/has ended/)
})

test("a run id belongs to one flow", async () => {
  const journal = open()
  await (await openRun(journal)).end("ok")
  await expect(journal.openRun({ runId: "monday", flow: "other" })).rejects.toThrow(
    /Run "monday" belongs to flow "digest", not "other"/,
  )
})

test("a run that is left is as it was: an ended one has ended, a new one is gone, what was settled stays", async () => {
  const path = temporaryJournal()
  await using journal = openJournal({ path })
  const item = { node: "n", visit: 0, params: {}, index: 0, input: "a" }
  const settle = { status: "ok", index: 0, value: 1, attempts: 1 } as const
  const done = await journal.openRun({ runId: "done", flow: "f" })
  await done.settle(item, settle)
  await done.end("ok")
  const before = journal.runs()
  await (await journal.openRun({ runId: "done", flow: "f" })).leave()
  expect(journal.runs()).toEqual(before)

  const fresh = await journal.openRun({ runId: "fresh", flow: "f" })
  await fresh.putNote("a", 1)
  await fresh.leave()
  expect(journal.runs()).toEqual(before)
  const again = await journal.openRun({ runId: "fresh", flow: "f" })
  expect(again.note("a")).toBeUndefined()
  await again.settle(item, settle)
  await again.leave()
  expect(journal.runs()).toContainEqual(expect.objectContaining({ runId: "fresh", status: "interrupted", ok: 1 }))
  await expect(again.leave()).rejects.toThrow("has ended")
})

test("notes are durable and belong to their run", async () => {
  const path = temporaryJournal()
  const first = open(path)
  await (await openRun(first)).putNote("batch", { id: "batch_1" })
  await first.close()
  const again = open(path)
  expect((await openRun(again)).note("batch")).toEqual({ id: "batch_1" })
  expect((await openRun(again, "tuesday")).note("batch")).toBeUndefined()
})

test("whatever is settled, changed and reopened in whatever order, the journal answers like a map", async () => {
  const command = fc.record({
    act: fc.constantFrom("settle", "lookup", "find", "reopen"),
    node: fc.constantFrom("a", "b"),
    index: fc.integer({ min: 0, max: 700 }),
    keyed: fc.boolean(),
    input: fc.constantFrom("x", "y"),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
      const path = temporaryJournal()
      let journal = openJournal({ path, synchronous: "normal" })
      let run = await openRun(journal)
      const model = new Map<string, { input: string; value: number }>()
      for (const [step, { act, node, index, keyed, input }] of commands.entries()) {
        const identity = { node, visit: 0, params: {}, index, input, ...(keyed && { key: `k${index}` }) }
        const name = `${node} ${keyed} ${index}`
        const known = model.get(name)
        const expected = known?.input === input ? known.value : undefined
        if (act === "settle") {
          await run.settle(identity, ok(index, step))
          model.set(name, { input, value: step })
        } else if (act === "reopen") {
          await journal.close()
          journal = openJournal({ path, synchronous: "normal" })
          run = await openRun(journal)
        } else if (act === "find" || !keyed) {
          expect(run.find(identity)?.status).toBe(expected === undefined ? undefined : "ok")
        } else {
          const record = run.lookup(identity)
          expect(record?.status === "ok" ? record.value : undefined).toBe(expected)
        }
      }
      expect([...journal.items("monday")].length).toBe(model.size)
      await journal.close()
    }),
    { numRuns: 40 },
  )
})

test("of an error of a megabyte its beginning is kept, and its length; a key in it is gone before it is cut", async () => {
  const key = "hunter2-hunter2"
  const journal = openJournal({ path: temporaryJournal(), secrets: [key] })
  onTestFinished(() => journal.close())
  const run = await openRun(journal)
  const message = `${"x".repeat(9_960)}${key}${"y".repeat(1 << 20)}`
  const error = new Error(message, { cause: new Error(message) })
  await run.settle(item(0), { status: "failed", index: 0, error, attempts: 1 })
  const kept = run.lookup(item(0)) as { readonly error: Error & { readonly cause: Error } }
  for (const { message: said } of [kept.error, kept.error.cause]) {
    expect(said).toMatch(/^x+.*… \(cut: it has 10585\d\d characters\)$/)
    expect(said).not.toContain("hunter2")
    expect(said).toHaveLength(10_000)
  }
})
