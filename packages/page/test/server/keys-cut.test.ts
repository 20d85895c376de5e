import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type { SluiceEvent } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage, type Page } from "../../src/index.ts"
import type { ItemPage } from "../../src/wire.ts"

vi.setConfig({ testTimeout: 60_000 })
const key = "hush-hush-ABCDEF0123456789"

function asking({ url }: Page): (address: string) => Promise<string> {
  const { origin, searchParams } = new URL(url)
  const headers = { authorization: `Bearer ${searchParams.get("token")}` }
  return async (address) => (await fetch(`${origin}${address}`, { headers })).text()
}

test("a failure's words are redacted before they are cut: no part of a key is told, wherever a cut falls", async () => {
  await using page = await openPage({ secrets: [key] })
  const tell = (event: object): void => page.onEvent({ atMs: 0, runId: "r", ...event } as SluiceEvent)
  // Cuts are after 60 characters in the list and after 20,000 at the item.
  const befores = [59, 50, 40, 35, 19_999, 19_990, 19_980].map((length) => "-".repeat(length))
  for (const [index, before] of befores.entries()) {
    tell({ type: "item-start", node: "n", index, spanId: index })
    const error = new Error(`${before}${key}, which is wrong`)
    tell({ type: "item-end", node: "n", index, spanId: index, attempts: 1, status: "failed", error })
  }
  const ask = asking(page)
  const list = await ask("/api/items")
  expect((JSON.parse(list) as ItemPage).count).toBe(befores.length)
  const items = await Promise.all(befores.map((_, index) => ask(`/api/items/${index}`)))
  for (const text of [list, ...items]) expect(text).not.toMatch(/-h(?:u|\u2026|"|$)|hush/u)
})

test("nor of what a journal keeps: keys, prompts and answers", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-page-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  // It was written by somebody who knew of no key.
  const journal = openJournal({ path: path.join(folder, "a.journal"), synchronous: "normal" })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const befores = [159, 150, 140, 135, 310, 300, 199_990].map((length) => "-".repeat(length))
  // Redacted, many keys are much shorter than they were.
  const texts = [...befores.map((before) => `${before}${key}!`), key.repeat(30)]
  for (const [index, text] of texts.entries()) {
    const identity = { node: "n", visit: 0, params: {}, index, input: index, key: `${index}${text}` }
    const value = index % 2 === 0 ? { input: text, output: text } : { input: { text }, output: text }
    await run.settle(identity, { index, attempts: 1, status: "ok", value })
  }
  await run.end("ok")
  await journal.close()
  await using page = await openPage({ journal: journal.path, secrets: [key] })
  const ask = asking(page)
  const list = await vi.waitUntil(async () => {
    const text = await ask("/api/items")
    return (JSON.parse(text) as ItemPage).count === texts.length && text
  })
  const items = await Promise.all(texts.map((_, row) => ask(`/api/items/${row}`)))
  for (const text of [list, ...items]) expect(text).not.toMatch(/-hu|hush|ABC|0123456/u)
  // What is no key is shown, and as long as it was.
  expect((JSON.parse(list) as ItemPage).rows[4]!.output).toBe("-".repeat(160))
})
