import { runInThisContext } from "node:vm"
import { createDefine, type ItemContext, type SluiceEvent } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { openJournal } from "@sluice/journal"
import { expect, test, vi } from "vitest"
import { temporaryJournal } from "../temporary.ts"

const { batch, step, flow } = createDefine(systemRuntime)<{ words: readonly string[]; answers?: readonly unknown[] }>()

type Exec = (word: string, context: ItemContext) => unknown

/** What a run with this work warns of, and what it gave. */
async function runWith(
  path: string,
  exec: Exec,
  settings: { readonly version?: string; readonly words?: readonly string[]; readonly isHeard?: boolean } = {},
): Promise<{ warnings: readonly string[]; answers: readonly unknown[] }> {
  const { version, words = ["a", "b"], isHeard = true } = settings
  const ask = batch({
    name: "ask",
    prep: (shared) => shared.words,
    exec,
    post: (shared, _words, answers) => void (shared.answers = answers),
    ...(version !== undefined && { version }),
  })
  const app = flow({ name: "app", nodes: { ask }, start: "ask", edges: {} })
  const journal = openJournal({ path })
  const shared: { words: readonly string[]; answers?: readonly unknown[] } = { words }
  const warnings: string[] = []
  const onEvent = (event: SluiceEvent): void => {
    if (event.type === "warning") warnings.push(`${event.code}: ${event.message}`)
  }
  await app.run(shared, { journal, runId: "r", ...(isHeard && { onEvent }) })
  await journal.close()
  return { warnings, answers: shared.answers ?? [] }
}

const first: Exec = (word) => `Summarise ${word}`
const second: Exec = (word) => `Translate ${word}`

test("work that has changed since its results were recorded is told, once a run, with what to do; a version asks again", async () => {
  const path = temporaryJournal()
  expect((await runWith(path, first)).warnings).toEqual([])
  expect((await runWith(path, first)).warnings).toEqual([])
  const changed = await runWith(path, second)
  expect(changed.answers).toEqual(["Summarise a", "Summarise b"])
  expect(changed.warnings).toEqual([
    'work-changed: The code of "app/ask" has changed since its results were recorded, and they stand in for it all the same. If the change matters, give the node a version (version: "2"): it does everything again. If not, there is nothing to do.',
  ])
  expect((await runWith(path, second)).warnings).toHaveLength(1)
  const again = await runWith(path, second, { version: "2" })
  expect(again).toEqual({ warnings: [], answers: ["Translate a", "Translate b"] })
  expect((await runWith(path, second, { version: "2" })).warnings).toEqual([])
  expect((await runWith(path, first, { version: "2" })).warnings[0]).toContain('(another than "2")')
})

test("white space is no change, nor is another source where nothing of before is given back", async () => {
  const path = temporaryJournal()
  const written = (body: string): Exec => runInThisContext(`(word) => {${body}}`) as Exec
  await runWith(path, written("return 'got ' + word"))
  expect((await runWith(path, written("\r\n  return 'got '\r\n    + word\r\n"))).warnings).toEqual([])
  expect((await runWith(path, second, { words: ["c"] })).warnings).toEqual([])
  expect((await runWith(path, second, { words: ["c"] })).warnings).toEqual([])
})

test("what has no source to read is not compared", async () => {
  const path = temporaryJournal()
  await runWith(path, first.bind(undefined))
  expect((await runWith(path, second.bind(undefined))).warnings).toEqual([])
})

test("a step's work too; where nobody listens the process is told", async () => {
  const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => {})
  const path = temporaryJournal()
  for (const exec of [() => 1, () => 2]) {
    const journal = openJournal({ path })
    await step({ name: "one", exec }).run({ words: [] }, { journal, runId: "s" })
    await journal.close()
  }
  expect(emit.mock.calls).toEqual([
    [expect.stringContaining('The code of "one" has changed'), { type: "SluiceWarning", code: "work-changed" }],
  ])
  emit.mockRestore()
})
