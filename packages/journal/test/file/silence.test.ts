import { spawn } from "node:child_process"
import * as journal from "@sluice/journal"
import { expect, test } from "vitest"
import { ended, startChild } from "../child.ts"
import { temporaryJournal } from "../temporary.ts"

test("a program that uses the journal prints nothing of its own: no warning to interpret", async () => {
  expect(await ended(startChild("settle-items.ts", temporaryJournal(), "3"))).toMatchObject({ code: 0, stderr: "" })
})

test("a Node without SQLite: what needs none works, and the journal says which version is needed", async () => {
  const program = `import { openJournal, redactSecrets } from "@sluice/journal"
    console.log(redactSecrets("hunter2hunter2", ["hunter2hunter2"]))
    try { openJournal({ path: ":memory:" }) } catch (error) { console.log(error.code, error.message) }`
  const flags = ["--no-experimental-sqlite", "--conditions=@sluice/source", "--input-type=module", "-e", program]
  const { code, stdout } = await ended(spawn(process.execPath, flags, { cwd: import.meta.dirname }))
  expect([code, stdout.split("\n")]).toEqual([
    0,
    [
      "[redacted]",
      `usage The journal needs Node 22.18 or later, which brings SQLite; this is ${process.version}. Upgrade Node, or run without a journal.`,
      "",
    ],
  ])
})

test("the list of exports is the API", () => {
  expect(Object.keys(journal).toSorted()).toEqual([
    "cachedCall",
    "cachedFetch",
    "exactDigits",
    "openJournal",
    "parseExactJson",
    "redactPlain",
    "redactSecrets",
    "userName",
  ])
})
