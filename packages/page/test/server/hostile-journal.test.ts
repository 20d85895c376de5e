import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { openJournal } from "@sluice/journal"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import type { Hello, ItemDetail, ItemPage } from "../../src/wire.ts"

vi.setConfig({ testTimeout: 120_000 })
const long = (letter: string): string => letter.repeat(300_000)
const until = <T>(condition: () => Promise<T>): Promise<Exclude<T, false>> =>
  vi.waitUntil(condition, { timeout: 60_000 }) as Promise<Exclude<T, false>>

/** Asks a page of a journal with these items, by its token. */
async function pageOf(
  items: readonly { readonly key?: string; readonly value: unknown; readonly error?: Error }[],
): Promise<(address: string) => Promise<string>> {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-page-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const journal = openJournal({ path: path.join(folder, "a.journal"), synchronous: "normal" })
  const run = await journal.openRun({ runId: "results.jsonl", flow: "sluice run" })
  for (const [index, { key, value, error }] of items.entries()) {
    const identity = { node: "run", visit: 0, params: {}, index, input: index, ...(key !== undefined && { key }) }
    const outcome = error ? ({ status: "failed", error } as const) : ({ status: "ok", value } as const)
    await run.settle(identity, { index, attempts: 1, ...outcome })
  }
  await run.end("ok")
  await journal.close()
  const page = await openPage({ journal: journal.path })
  onTestFinished(() => page.close())
  const { origin, searchParams } = new URL(page.url)
  const authorization = `Bearer ${searchParams.get("token")}`
  return async (address) => (await fetch(`${origin}${address}`, { headers: { authorization } })).text()
}

test("keys, answers and errors of any length: the list and the item have their beginnings", async () => {
  const ask = await pageOf([
    ...Array.from({ length: 4 }, (_, n) => ({
      key: `${n} ${long("k")}`,
      value: { input: long("i"), output: long("o") },
    })),
    { value: undefined, error: new Error(long("e")) },
  ])
  const list = await until(async () => {
    const text = await ask("/api/items?limit=100")
    return (JSON.parse(text) as ItemPage).count === 5 && text
  })
  expect(list.length).toBeLessThan(10_000)
  const { rows } = JSON.parse(list) as ItemPage
  // Cut where it says so.
  expect(rows[0]!.key).toMatch(/^0 k+…$/u)
  const failed = await ask("/api/items/4")
  expect(failed.length).toBeLessThan(100_000)
  expect((JSON.parse(failed) as ItemDetail).error).toMatch(/^e+… \(cut: it has \d+ characters\)$/u)
  expect((JSON.parse(await ask("/api/items/0")) as ItemDetail).answered?.length).toBe(300_000)
})

test("a run of no item, and of one: nothing is divided by nothing", async () => {
  for (const count of [0, 1]) {
    const ask = await pageOf(Array.from({ length: count }, () => ({ value: "yes" })))
    const html = await until(async () => {
      const text = await ask("/")
      return text.includes('"status":"ok"') && text
    })
    const hello = JSON.parse(/id="hello">(.*?)<\/script>/u.exec(html)![1]!) as Hello
    expect(hello.state.items.ok).toBe(count)
    expect(hello.state).toMatchObject({ perMinute: 0, calls: { sent: count }, tokens: { input: 0, output: 0 } })
    const { lastMinute, items } = JSON.parse(await ask("/api/timeline")) as { lastMinute: object; items: unknown[] }
    expect([lastMinute, items]).toEqual([{ items: 0, parts: [] }, []])
  }
})
