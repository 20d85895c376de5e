import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { temporaryFolder } from "./temporary.ts"
import { openJournal, type SqliteJournal, type SqliteRunJournal } from "../src/index.ts"

const site = { node: "run", visit: 0, params: {} }

async function opened(): Promise<{ journal: SqliteJournal; run: SqliteRunJournal }> {
  const journal = openJournal({ path: ":memory:" })
  onTestFinished(() => journal.close())
  return { journal, run: await journal.openRun({ runId: "r", flow: "f" }) }
}

async function settle(run: SqliteRunJournal, index: number, output: string, key?: string): Promise<void> {
  const value = { input: { text: `prompt ${index}` }, output, finishReason: "stop", latencyMs: 12 }
  const identity = { ...site, index, input: index, ...(key !== undefined && { key }) }
  await run.settle(identity, { status: "ok", index, value, attempts: 1 }, { requests: 1, inputTokens: 3, usd: 0.5 })
}

test("facts come in pages, without texts; a failure has its code", async () => {
  const { journal, run } = await opened()
  for (const index of [0, 1, 2]) await settle(run, index, `answer ${index}`)
  const error = Object.assign(new Error("no"), { code: "timeout", kept: { input: { text: "why" } } })
  await run.settle({ ...site, index: 3, input: 3 }, { status: "failed", index: 3, error, attempts: 2 })
  const view = journal.look("r")
  const first = view.facts(0, 3)
  expect(first.map(({ index }) => index)).toEqual([0, 1, 2])
  expect(first[0]).toMatchObject({ node: "run", status: "ok", attempts: 1, latencyMs: 12, finishReason: "stop" })
  expect(first[0]).toMatchObject({ inputTokens: 3, outputTokens: null, usd: 0.5 })
  expect(view.facts(first[2]!.item, 3)).toMatchObject([
    { index: 3, status: "failed", attempts: 2, finishReason: "timeout" },
  ])
  const last = view.at("run", 3)!
  expect(view.preview(last, 100)).toEqual({ key: null, input: '{"text":"why"}', whole: '{"text":"why"}', output: "no" })
  expect(view.preview(first[1]!.item, 8)).toEqual({
    key: null,
    input: '{"text":',
    whole: '{"text":"prompt 1"}',
    output: "answer 1",
  })
  expect(view.read(last)).toMatchObject({ status: "failed", index: 3 })
  expect(view.at("run", 4)).toBeUndefined()
})

test("text is found in prompts, answers and keys, as it is: no wildcard, no escape in the way", async () => {
  const { journal, run } = await opened()
  await settle(run, 0, 'She said "Hello", 100%\nand left_')
  await settle(run, 1, "nothing of it")
  await settle(run, 2, "third", "Key-7")
  const view = journal.look("r")
  const found = (text: string): number[] => view.found(text, 0, 100).items.map(({ index }) => index)
  expect(found('said "hello"')).toEqual([0])
  expect(found("100%\nand")).toEqual([0])
  expect(found("0%0")).toEqual([])
  expect(found("left_")).toEqual([0])
  expect(found("f_f")).toEqual([])
  expect(found("PROMPT 1")).toEqual([1])
  expect(found("key-7")).toEqual([2])
  const page = view.found("third", 0, 2)
  expect(page.items).toEqual([])
  expect(view.found("third", page.last, 2)).toEqual({ items: [{ node: "run", index: 2 }], last: Infinity })
})

test("an item that is asked for at an index is found at once in a large run, with keys and without", async () => {
  const { journal, run } = await opened()
  await Promise.all(
    Array.from({ length: 20_000 }, (_, index) => settle(run, index, "x", index % 2 ? `k${index}` : undefined)),
  )
  const view = journal.look("r")
  expect(view.at("run", 19_999)).toBeGreaterThan(0)
  const before = process.cpuUsage().user
  for (let index = 0; index < 200; index++) view.at("run", index * 100)
  // A scan of 20,000 rows for each would take seconds.
  expect(process.cpuUsage().user - before).toBeLessThan(500_000)
})

test("a run that is not there is said", async () => {
  const { journal } = await opened()
  expect(() => journal.look("other").facts(0, 1)).toThrow('has no run "other"')
})

test("another's writes change the edition; a failed item that is asked again keeps its record and is seen there", async () => {
  const folder = temporaryFolder()
  const journal = openJournal({ path: join(folder, "a.journal") })
  onTestFinished(() => journal.close())
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const identity = { ...site, index: 0, input: 0 }
  await run.settle(identity, { status: "failed", index: 0, error: new Error("no"), attempts: 1 })
  const reading = openJournal({ path: journal.path, readOnly: true })
  onTestFinished(() => reading.close())
  const view = reading.look("r")
  const before = view.stand()
  expect(before).toMatchObject({ status: "running", endedAtMs: undefined })
  expect(view.stand()).toEqual(before)
  const [failed] = view.facts(0, 10)
  expect(view.mended([failed!.item])).toEqual([])
  await run.settle(identity, { status: "ok", index: 0, value: { output: "yes" }, attempts: 2 })
  expect(view.stand().edition).not.toBe(before.edition)
  expect(view.facts(failed!.item, 10)).toEqual([])
  expect(view.mended([failed!.item, 99])).toMatchObject([{ item: failed!.item, status: "ok", attempts: 2 }])
  await run.end("ok")
  expect(view.stand()).toMatchObject({ status: "ok", endedAtMs: expect.any(Number) as number })
})

test("a record that made room for another input is no item of the run", async () => {
  const { journal, run } = await opened()
  const identity = { ...site, index: 0, input: "old" }
  await run.settle(identity, { status: "ok", index: 0, value: { output: "old" }, attempts: 1 })
  await run.end("ok")
  const again = await journal.openRun({ runId: "r", flow: "f" })
  const other = { ...identity, input: "new" }
  expect(again.lookup(other)).toBeUndefined()
  await again.settle(other, { status: "ok", index: 0, value: { output: "new" }, attempts: 1 })
  const view = journal.look("r")
  expect(view.facts(0, 10).map(({ index }) => index)).toEqual([0])
  expect(view.found("old", 0, 10).items).toEqual([])
  expect(view.found("new", 0, 10).items).toEqual([{ node: "run", index: 0 }])
})

test("a journal that is closed while somebody reads it is whole in its one file", async () => {
  const folder = temporaryFolder()
  const [path, copy] = [join(folder, "a.journal"), join(folder, "copy.journal")]
  const journal = openJournal({ path })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  await settle(run, 0, "first")
  const reader = openJournal({ path, readOnly: true })
  onTestFinished(() => reader.close())
  const view = reader.look("r")
  expect(view.facts(0, 10)).toHaveLength(1)
  for (let index = 1; index < 50; index++) await settle(run, index, "more")
  await run.end("ok")
  await journal.close()
  copyFileSync(path, copy)
  const copied = openJournal({ path: copy, readOnly: true })
  onTestFinished(() => copied.close())
  expect(copied.look("r").facts(0, 100)).toHaveLength(50)
  // Who reads goes on.
  expect(view.facts(0, 100)).toHaveLength(50)
})
