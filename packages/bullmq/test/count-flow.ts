import { appendFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { createDefine, type Node } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"

export interface Shared {
  readonly count: number
  sum?: number
  ordered?: boolean
  errors?: string[]
}

/** What coordinator and workers load. Each execution of an item is a line of the file that `SLUICE_DONE` names. */
export function countFlow(version = "1"): Node<Shared> {
  const { batch } = createDefine(systemRuntime)<Shared>()
  return batch({
    name: "double",
    version,
    retry: { maxAttempts: 3, backoff: { initialMs: 1, factor: 1, maxMs: 1 } },
    onError: "collect",
    prep: ({ count }) => Array.from({ length: count }, (_, index) => index),
    exec: async (item, { attempt, signal }) => {
      const file = process.env["SLUICE_DONE"]
      if (file !== undefined) appendFileSync(file, `${item}\n`)
      if (process.env["SLUICE_POISON"] === String(item)) process.kill(process.pid, "SIGKILL")
      if (process.env["SLUICE_FLAKY"] !== undefined && item % 10 === 3 && attempt < 3) throw new Error("not yet")
      if (process.env["SLUICE_BAD"] === String(item)) throw Object.assign(new Error("no good"), { code: "bad-item" })
      const ms = Number(process.env["SLUICE_MS"] ?? 0)
      const aborted = process.env["SLUICE_ABORTED"]
      if (aborted !== undefined) signal.addEventListener("abort", () => appendFileSync(aborted, `${item}\n`))
      if (ms > 0) await setTimeout(ms, undefined, { signal })
      return item * 2
    },
    post: (shared, _items, results) => {
      const outcomes = results as {
        status: string
        index: number
        value?: number
        error?: Error & { cause?: { code?: string; message?: string } }
      }[]
      shared.sum = outcomes.reduce((sum, { value = 0 }) => sum + value, 0)
      shared.ordered = outcomes.every(({ index }, at) => index === at)
      shared.errors = outcomes.flatMap(({ status, error }) =>
        status === "failed" ? [`${error?.cause?.code}: ${error?.cause?.message}`] : [],
      )
    },
  })
}
