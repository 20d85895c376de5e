import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { openJournal } from "@sluice/journal"
import { expect, test } from "vitest"
import { ended, printed, startChild } from "../child.ts"
import { temporaryFolder, temporaryJournal } from "../temporary.ts"

const kills = Number(process.env["SLUICE_CHAOS"] ?? 3)

test(`a nested batch flow, killed at ${kills} random moments: every chunk has its result, no more is repeated than was in flight`, async () => {
  const folder = temporaryFolder()
  const [path, calls] = [join(folder, "j"), join(folder, "calls")]
  for (let kill = 0; kill < kills; kill++) {
    const child = startChild("nested-flow.ts", path, calls)
    const end = ended(child)
    await printed(child, "open")
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * 60)
    await end
    clearTimeout(timer)
  }
  const { code, stdout, stderr } = await ended(startChild("nested-flow.ts", path, calls))
  expect([code, stderr]).toEqual([0, ""])
  const digests = JSON.parse(stdout.split("\n")[1] ?? "") as Record<string, string>
  const expected = (document: string): string =>
    Array.from({ length: 30 }, (_, chunk) => `${document}${chunk}`.toUpperCase()).join()
  expect(digests).toEqual({ a: expected("a"), b: expected("b"), c: expected("c") })
  const made = existsSync(calls) ? readFileSync(calls, "utf8").trimEnd().split("\n") : []
  expect(new Set(made).size).toBe(91)
  // Three documents at once, four chunks each.
  expect(made.length - 91).toBeLessThanOrEqual(kills * 12)
}, 120_000)

test.each([1, 4, "auto"] as const)(
  "at concurrency %s the count of outcomes is the count of items, with failures, and after a resume",
  async (concurrency) => {
    const path = temporaryJournal()
    const { batch } = createDefine(systemRuntime)<{ results?: readonly unknown[] }>()
    const failing = new Set([3, 4, 11])
    const called: number[] = []
    const work = batch({
      name: "work",
      concurrency,
      onError: "collect",
      retry: { maxAttempts: 1 },
      prep: () => Array.from({ length: 20 }, (_, index) => index),
      exec: async (item) => {
        called.push(item)
        if (failing.has(item)) throw new Error(`item ${item}`)
        return item * 2
      },
      post: (shared, _items, results) => void (shared.results = results),
    })
    const run = async (retryFailed: boolean): Promise<readonly unknown[]> => {
      const journal = openJournal({ path })
      const shared: { results?: readonly unknown[] } = {}
      await work.run(shared, { journal, runId: "r", retryFailed })
      await journal.close()
      return shared.results ?? []
    }
    const statuses = (results: readonly unknown[]): string[] => results.map((one) => (one as { status: string }).status)
    const first = await run(true)
    expect(first).toHaveLength(20)
    expect(statuses(first).filter((status) => status === "failed")).toHaveLength(3)
    called.length = 0
    expect(statuses(await run(false))).toEqual(statuses(first))
    expect(called).toEqual([])
    failing.delete(4)
    const last = await run(true)
    expect(called.toSorted((a, b) => a - b)).toEqual([3, 4, 11])
    expect(last).toHaveLength(20)
    expect(last[4]).toMatchObject({ status: "ok", value: 8 })
    expect(last[11]).toMatchObject({ status: "failed" })
  },
)
