import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { openJournal, type SqliteRunJournal } from "@sluice/journal"
import fc from "fast-check"
import { expect, test } from "vitest"
import { temporaryJournal } from "../temporary.ts"

const site = { node: "n", visit: 0, params: {} }

/** What a run over `prompts` asked, and what it gave back. */
async function runOver(
  path: string,
  prompts: readonly string[],
  settings: { readonly concurrency?: number; readonly version?: string } = {},
): Promise<{ asked: string[]; answers: readonly unknown[] }> {
  const { batch } = createDefine(systemRuntime)<{ answers?: readonly unknown[] }>()
  const asked: string[] = []
  const ask = batch({
    name: "ask",
    ...settings,
    prep: () => prompts,
    exec: async (prompt) => {
      asked.push(prompt)
      return `${prompt}, answer ${asked.length}`
    },
    post: (shared, _prompts, answers) => void (shared.answers = answers),
  })
  const journal = openJournal({ path })
  const shared: { answers?: readonly unknown[] } = {}
  await ask.run(shared, { journal, runId: "r", onEvent: () => {} })
  await journal.close()
  return { asked, answers: shared.answers ?? [] }
}

test.each([1, 4])(
  "a prompt put in at the top of a finished batch is all that is asked, at concurrency %s",
  async (concurrency) => {
    const path = temporaryJournal()
    const before = Array.from({ length: 1_200 }, (_, at) => `prompt ${at}`)
    // Many at once: each group of them is one wait for the disk.
    const first = await runOver(path, before, { concurrency: 100 })
    const { asked, answers } = await runOver(path, ["new", ...before], { concurrency })
    expect(asked).toEqual(["new"])
    expect(answers).toEqual(["new, answer 1", ...first.answers])
    // And the file says so for good.
    expect((await runOver(path, ["new", ...before], { concurrency })).asked).toEqual([])
  },
)

test("what was answered once stays, though a run in between had no use for it: a line away and back, a version there and back", async () => {
  const path = temporaryJournal()
  const first = await runOver(path, ["a", "b", "c"])
  expect((await runOver(path, ["x", "c"])).asked).toEqual(["x"])
  expect((await runOver(path, ["a", "b", "c"], { version: "2" })).asked).toEqual(["a", "b", "c"])
  const again = await runOver(path, ["c", "b", "x", "a"])
  expect(again.asked).toEqual([])
  const [a, b, c] = first.answers
  expect(again.answers).toEqual([c, b, "x, answer 1", a])
})

test("equal items are as many as they are: the third of two that were answered is asked", async () => {
  const path = temporaryJournal()
  const first = await runOver(path, ["same", "same"])
  expect(first.asked).toHaveLength(2)
  const then = await runOver(path, ["new", "same", "same", "same"])
  expect(then.asked).toEqual(["new", "same"])
  expect(then.answers.slice(1, 3)).toEqual(first.answers)
})

test("an item that has just been answered answers no equal one of the same run", async () => {
  const { asked } = await runOver(temporaryJournal(), ["other", "same", "same", "same"], { concurrency: 1 })
  expect(asked).toHaveLength(4)
})

test("a step's answers to earlier questions stay", async () => {
  const path = temporaryJournal()
  const { step } = createDefine(systemRuntime)<{ question: string; answer?: unknown }>()
  let asked = 0
  const ask = step({
    name: "ask",
    prep: ({ question }) => question,
    exec: (question) => `${question}: ${++asked}`,
    post: (shared, _question, answer) => void (shared.answer = answer),
  })
  const answers: unknown[] = []
  for (const question of ["one", "two", "one", "two"]) {
    const journal = openJournal({ path })
    const shared: { question: string; answer?: unknown } = { question }
    await ask.run(shared, { journal, runId: "r" })
    answers.push(shared.answer)
    await journal.close()
  }
  expect(answers).toEqual(["one: 1", "two: 2", "one: 1", "two: 2"])
})

test("an answer that no input has now is listed without an index", async () => {
  const path = temporaryJournal()
  await runOver(path, ["a", "b"])
  await runOver(path, ["c", "b"])
  const journal = openJournal({ path, readOnly: true })
  const listed = [...journal.items("r", { order: "input" })].map(({ index, ...item }) => [
    index,
    "value" in item && item.value,
  ])
  await journal.close()
  expect(listed).toEqual([
    [0, "c, answer 1"],
    [1, "b, answer 2"],
    [undefined, "a, answer 1"],
  ])
})

test("whatever items become, in several runs: each content is asked as often as there are more of it than were ever answered", async () => {
  const list = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(list, { minLength: 2, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      async (runs, concurrency) => {
        const path = temporaryJournal()
        const count = (items: readonly string[], one: string): number => items.filter((other) => other === one).length
        const had: Record<string, number> = {}
        for (const prompts of runs) {
          const { asked, answers } = await runOver(path, prompts, { concurrency })
          expect(answers.map((answer) => String(answer)[0])).toEqual(prompts)
          for (const one of "abcde") {
            expect(count(asked, one)).toBe(Math.max(0, count(prompts, one) - (had[one] ?? 0)))
            had[one] = Math.max(had[one] ?? 0, count(prompts, one))
          }
        }
      },
    ),
    { numRuns: 40 },
  )
})

test("a lookup says the same when it is made again, before and after it is on disk", async () => {
  const path = temporaryJournal()
  await runOver(path, ["a", "b"])
  const journal = openJournal({ path })
  const run: SqliteRunJournal = await journal.openRun({ runId: "r", flow: "ask" })
  const at = (index: number, input: string) => run.lookup({ ...site, node: "ask", index, input })
  for (let time = 0; time < 2; time++) {
    expect(at(7, "a")).toMatchObject({ value: "a, answer 1" })
    expect(at(900, "b")).toMatchObject({ value: "b, answer 2" })
    expect(at(1, "b")).toBeUndefined()
  }
  await run.end("ok")
  await journal.close()
})
