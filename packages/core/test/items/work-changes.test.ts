import { define, type SluiceEvent } from "@sluice/core"
import { expect, test } from "vitest"
import { MemoryJournal } from "../support/memory-journal.ts"

const { batch } = define<{ answers?: unknown }>()

type Exec = (word: string) => unknown

function journalWithNotes(): MemoryJournal {
  const journal = new MemoryJournal()
  journal.notes = new Map()
  return journal
}

/** What a run with this work warns of. */
async function warned(
  journal: MemoryJournal,
  exec: Exec,
  { version, words = ["a", "b"] }: { readonly version?: string; readonly words?: readonly string[] } = {},
): Promise<string[]> {
  const warnings: string[] = []
  const onEvent = (event: SluiceEvent): void => void (event.type === "warning" && warnings.push(event.message))
  const ask = batch({ name: "ask", prep: () => words, exec, ...(version !== undefined && { version }) })
  await ask.run({}, { journal, runId: "r", onEvent })
  return warnings
}

const first: Exec = (word) => `first ${word}`
const second: Exec = (word) => `second ${word}`

test("results that stand in for changed code are told once a run, and what to do about it", async () => {
  const journal = journalWithNotes()
  expect(await warned(journal, first)).toEqual([])
  expect(await warned(journal, first)).toEqual([])
  expect(await warned(journal, second)).toEqual([expect.stringContaining('a version (version: "2")')])
  expect(await warned(journal, second, { version: "2", words: ["c"] })).toEqual([])
  expect(await warned(journal, first, { version: "2", words: ["c"] })).toEqual([
    expect.stringContaining('a version (another than "2")'),
  ])
})

test("where nothing of before is given back, the code is what it is now", async () => {
  const journal = journalWithNotes()
  await warned(journal, first)
  expect(await warned(journal, second, { words: ["c"] })).toEqual([])
  expect(await warned(journal, second, { words: ["c"] })).toEqual([])
})

test("code without a source to read is not compared", async () => {
  const journal = journalWithNotes()
  await warned(journal, first.bind(undefined))
  expect(await warned(journal, second.bind(undefined))).toEqual([])
  expect(journal.notes?.size).toBe(0)
})

test("a note that cannot be stored does not end the run", async () => {
  const journal = journalWithNotes()
  journal.notes!.set = () => {
    throw new Error("disk full")
  }
  expect(await warned(journal, first)).toEqual([])
  expect(journal.ends).toEqual(["ok"])
})
