import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { SluiceError } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { expect, test } from "vitest"
import { temporaryJournal } from "../temporary.ts"

const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
const identity = { node: "n", visit: 0, params: {}, index: 0, input: "a" }

/** A journal with one settled item and a response, changed by `sql`. */
async function changed(sql: string): Promise<string> {
  const path = temporaryJournal()
  const journal = openJournal({ path })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  await run.settle(identity, { status: "ok", index: 0, value: "b", attempts: 1 })
  await run.putNote("results", { next: 1 })
  await journal.responses.put(journal.responses.keyOf("q"), "an answer")
  await run.end("ok")
  await journal.close()
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
  return path
}

/** Everything that a person or a run does with a journal. */
async function use(path: string): Promise<void> {
  await using reading = openJournal({ path, readOnly: true })
  for (const { runId, startedAtMs } of reading.runs()) {
    new Date(startedAtMs).toISOString()
    for (const item of reading.items(runId)) JSON.stringify([item, new Date(item.settledAtMs).toISOString()])
  }
  await using writing = openJournal({ path })
  const run = await writing.openRun({ runId: "r", flow: "f" })
  run.note("results")
  writing.responses.get(writing.responses.keyOf("q"))
  if (run.find(identity)) run.lookup(identity)
  await run.settle(identity, { status: "ok", index: 0, value: "c", attempts: 1 })
  await run.end("ok")
}

test.each([
  [
    "a view in the place of a table",
    `DROP TABLE items; CREATE VIEW items AS ${endless} SELECT i AS item, i AS place, 'ok' AS status FROM n`,
    /its view "items" is not ours/,
  ],
  ["a view beside", `CREATE VIEW x AS ${endless} SELECT i FROM n`, /its view "x" is not ours/],
  [
    "a trigger",
    `CREATE TRIGGER t AFTER INSERT ON items BEGIN INSERT INTO items SELECT * FROM items; END`,
    /its trigger "t" is not ours/,
  ],
  [
    "a table with a computed column",
    `DROP TABLE notes; CREATE TABLE notes (run, name, value AS (printf('%.*c', 1000000000, 'x')))`,
    /its table "notes" is not ours/,
  ],
  ["an index over an expression", `CREATE INDEX i ON items (length(value))`, /its index "i" is not ours/],
])("%s is refused before anything of it runs, and the file stays as it was", async (_name, sql, message) => {
  const path = await changed(sql)
  const before = readFileSync(path)
  for (const readOnly of [true, false]) {
    expect(() => openJournal({ path, readOnly })).toThrow(message)
    expect(() => openJournal({ path, readOnly })).toThrow(expect.objectContaining({ code: "journal-unreadable" }))
  }
  expect(readFileSync(path).equals(before)).toBe(true)
})

const deep = `'${"[".repeat(100_000)}${"]".repeat(100_000)}'`
const nested = `'${'{"name":"E","message":"m","cause":'.repeat(20_000)}{"name":"E","message":"m"}${"}".repeat(20_000)}'`

test.each([
  ["a start beyond all dates", "UPDATE runs SET startedAtMs = 9e15"],
  ["a start that is no integer of JavaScript's", "UPDATE runs SET startedAtMs = 9223372036854775807"],
  ["a start before time", "UPDATE runs SET startedAtMs = -1"],
  ["a start that is infinite", "UPDATE runs SET startedAtMs = 9e999"],
  ["an end that is a text", "UPDATE runs SET endedAtMs = 'yesterday'"],
  ["an item's time beyond all dates", "UPDATE items SET settledAtMs = 1e300"],
  ["an index that is no integer of JavaScript's", "UPDATE items SET idx = 9223372036854775807"],
  ["a record's number that is no integer of JavaScript's", "UPDATE items SET item = 9223372036854775807"],
  ["a record's number beyond what is kept of it", "UPDATE items SET item = 1099511627776"],
  ["a status of its own", "UPDATE items SET status = 'constructor'"],
  ["a value nested 100,000 deep", `UPDATE items SET value = ${deep}`],
  ["an error nested 20,000 deep", `UPDATE items SET status = 'failed', value = ${nested}`],
  ["params nested 100,000 deep", `UPDATE places SET params = ${deep}`],
  ["a note that is no JSON", "UPDATE notes SET value = '{'"],
  ["an answer that is no JSON", "UPDATE responses SET value = '{'"],
  ["a writer that is none", 'UPDATE runs SET writer = \'{"pid": "1"}\''],
])("%s: the journal says that it is damaged, in its own words", async (_name, sql) => {
  const path = await changed(sql)
  const error: unknown = await use(path).catch((thrown: unknown) => thrown)
  expect(SluiceError.isInstance(error) ? error.code : error).toBe("journal-unreadable")
  expect((error as Error).message).toContain(path)
})

test.skipIf(process.platform === "win32")("a pipe in the file's place is refused at once", () => {
  const path = temporaryJournal()
  execFileSync("mkfifo", [path])
  for (const readOnly of [true, false])
    expect(() => openJournal({ path, readOnly })).toThrow(/is no file that could be a journal/)
})

test("what cannot be walked cannot be stored: the item's own error, and the run goes on", async () => {
  let value: unknown = "x"
  for (let depth = 0; depth < 20_000; depth++) value = [value]
  await using journal = openJournal({ path: temporaryJournal() })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  await expect(run.settle(identity, { status: "ok", index: 0, value, attempts: 1 })).rejects.toMatchObject({
    code: "not-serialisable",
    message: expect.stringContaining("nested more than 500 deep"),
  })
  await run.settle(identity, { status: "ok", index: 0, value: "b", attempts: 1 })
  expect(run.lookup(identity)).toMatchObject({ value: "b" })
})
