import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { createDefine } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { systemRuntime } from "@sluice/scheduler"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage, type Page } from "../../src/index.ts"
import type { Hello, ItemDetail, ItemPage } from "../../src/wire.ts"

vi.setConfig({ testTimeout: 60_000 })

function journalPath(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-page-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return path.join(folder, "a.journal")
}

function asking(page: Page): (address: string) => Promise<string> {
  const { origin, searchParams } = new URL(page.url)
  const headers = { authorization: `Bearer ${searchParams.get("token")}` }
  return async (address) => (await fetch(`${origin}${address}`, { headers })).text()
}

async function helloOf(page: Page): Promise<Hello> {
  const html = await asking(page)("/")
  return JSON.parse(/id="hello">(.*?)<\/script>/u.exec(html)![1]!) as Hello
}

test("a page that is open before its run has begun shows what the run's journal keeps, and finds it", async () => {
  const { batch, flow } = createDefine(systemRuntime)<{ texts: string[] }>()
  const exec = (input: string): object => ({ input, output: `about ${input}` })
  const ask = batch({ name: "ask", prep: ({ texts }: { texts: string[] }) => texts, exec })
  const inner = flow({ name: "inner", start: "ask", nodes: { ask } })
  const outer = flow({ name: "outer", start: "inner", nodes: { inner } })
  await using journal = openJournal({ path: journalPath(), synchronous: "normal" })
  // Of an earlier run under another name nothing is shown.
  await outer.run({ texts: ["old bread"] }, { journal, runId: "earlier" })
  await using page = await openPage({ journal, flow: outer })
  await outer.run({ texts: ["bread", "milk"] }, { journal, runId: "later", onEvent: page.onEvent })
  const ask1 = async <T>(address: string): Promise<T> => JSON.parse(await asking(page)(address)) as T
  const list = await vi.waitUntil(async () => {
    const found = await ask1<ItemPage>("/api/items?text=bread")
    return found.searched === undefined && found
  })
  expect(list.rows.map(({ output }) => output)).toContain("about bread")
  expect(list.rows.map(({ output }) => output)).not.toContain("about milk")
  const { row } = list.rows.find(({ output }) => output === "about bread")!
  const detail = await ask1<ItemDetail>(`/api/items/${row}`)
  expect([detail.asked?.text, detail.answered?.text]).toEqual(["bread", "about bread"])
})

test("how many items there will be is a number, or a function that knows it later", async () => {
  const totalOf = async (page: Page): Promise<number | undefined> => (await helloOf(page)).state.total
  await using page = await openPage({ total: 400 })
  expect(await totalOf(page)).toBe(400)
  let total: number | undefined
  await using other = await openPage({ total: () => total })
  expect(await totalOf(other)).toBe(undefined)
  total = 7
  expect(await totalOf(other)).toBe(7)
  await expect(openPage({ total: -1 })).rejects.toThrow("total must be a number of items, from 0, or a function")
})

test("of a run that is over nothing is with the vendor, and its chart has as many calls as there were at once", async () => {
  const journal = openJournal({ path: journalPath(), synchronous: "normal" })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  for (let index = 0; index < 5; index++) {
    const identity = { node: "n", visit: 0, params: {}, index, input: index }
    await run.settle(identity, { index, attempts: 1, status: "ok", value: { output: "a", latencyMs: 1 } })
  }
  await run.end("ok")
  await journal.close()
  await using page = await openPage({ journal: journal.path })
  const series = await vi.waitUntil(async () => {
    const hello = await helloOf(page)
    return hello.state.items.ok === 5 && hello.series
  })
  expect(series.inFlight.at(-1)).toBe(0)
  // Five calls of a millisecond are not five calls at once.
  expect(Math.max(...series.inFlight)).toBeLessThan(1)
})

test("the path of a journal without a run: what is needed, in words", async () => {
  const journal = openJournal({ path: journalPath(), synchronous: "normal" })
  await journal.close()
  await expect(openPage({ journal: journal.path })).rejects.toThrow(
    /has no run yet\. Open its page when a run has begun, or give openPage the open journal that the run is given\./u,
  )
})
