import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { openJournal } from "@sluice/journal"
import { onTestFinished } from "vitest"
import { openPage } from "../src/index.ts"

export interface ToldItem {
  readonly index: number
  readonly node?: string
  readonly key?: string
  readonly value?: unknown
  readonly error?: Error
}

/** The address of a page of a run that is over, whose items were settled in this order. */
export async function journalPage(items: Iterable<ToldItem>): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-page-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const journal = openJournal({ path: path.join(folder, "a.journal"), synchronous: "normal" })
  const run = await journal.openRun({ runId: "told", flow: "told" })
  const settled: Promise<void>[] = []
  for (const { index, node = "run", key, value, error } of items) {
    const identity = { node, visit: 0, params: {}, index, input: index, ...(key !== undefined && { key }) }
    const outcome = error ? ({ status: "failed", error } as const) : ({ status: "ok", value } as const)
    settled.push(run.settle(identity, { index, attempts: 1, ...outcome }))
  }
  await Promise.all(settled)
  await run.end("ok")
  await journal.close()
  const page = await openPage({ journal: journal.path })
  onTestFinished(() => page.close())
  return page.url
}
