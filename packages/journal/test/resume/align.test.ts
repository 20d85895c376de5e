import { openJournal, type SqliteRunJournal } from "@sluice/journal"
import fc from "fast-check"
import { expect, test } from "vitest"
import { temporaryJournal } from "../temporary.ts"

const site = { node: "n", visit: 0, params: {}, version: "v" }

async function opened(): Promise<{ run: SqliteRunJournal; close: () => Promise<void> }> {
  const journal = openJournal({ path: temporaryJournal() })
  return { run: await journal.openRun({ runId: "r", flow: "f" }), close: () => journal.close() }
}

async function settle(run: SqliteRunJournal, inputs: readonly string[]): Promise<void> {
  for (const [index, input] of inputs.entries()) {
    if (run.find({ ...site, index, input })) continue
    await run.settle({ ...site, index, input }, { status: "ok", index, value: `${input} at ${index}`, attempts: 1 })
  }
}

async function* given(inputs: readonly string[]): AsyncGenerator<string> {
  yield* inputs
}

const valueAt = (run: SqliteRunJournal, index: number, input: string): unknown => {
  const record = run.lookup({ ...site, index, input })
  return record?.status === "ok" ? record.value : undefined
}

test("a line at the top, one in the middle that changed, one taken away: answers follow their inputs", async () => {
  const { run, close } = await opened()
  await settle(run, ["a", "b", "c", "d"])
  const now = ["new", "a", "other", "d"]
  expect(await run.align(site, given(now))).toBe(1)
  expect(now.map((input, index) => valueAt(run, index, input))).toEqual([undefined, "a at 0", undefined, "d at 3"])
  await settle(run, now)
  // What nobody wanted for a while is still there.
  const again = ["a", "b", "c", "d"]
  expect(await run.align(site, given(again))).toBeGreaterThan(0)
  expect(again.map((input, index) => valueAt(run, index, input))).toEqual(["a at 0", "b at 1", "c at 2", "d at 3"])
  await close()
})

test("inputs of one content keep their own answers where they stand", async () => {
  const { run, close } = await opened()
  await settle(run, ["same", "x", "same"])
  expect(await run.align(site, given(["y", "x", "same"]))).toBe(0)
  expect(valueAt(run, 2, "same")).toBe("same at 2")
  await close()
})

test("whatever lines become: each content that was answered is found as often as it was answered, and nothing is lost", async () => {
  const word = fc.constantFrom("a", "b", "c", "d", "e")
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 12 }), fc.array(word, { maxLength: 12 }), async (before, after) => {
      const { run, close } = await opened()
      await settle(run, before)
      await run.align(site, given(after))
      const found = after.filter((input, index) => valueAt(run, index, input)?.toString().startsWith(`${input} at`))
      const count = (list: readonly string[], one: string) => list.filter((other) => other === one).length
      for (const one of new Set(after)) expect(count(found, one)).toBe(Math.min(count(before, one), count(after, one)))
      await close()
    }),
    { numRuns: 25 },
  )
})
