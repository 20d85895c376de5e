import { sequentialExecutor, type Executor } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { testExecutor, type TestFramework } from "../src/index.ts"
import { failuresOf } from "./failures-of.ts"

describe("core's sequential executor", () =>
  testExecutor(() => sequentialExecutor, { describe, it }, { parallel: false }))

describe("testExecutor", () => {
  const flawed = (flaws: Partial<Executor>) => (framework: TestFramework) =>
    testExecutor(() => ({ ...sequentialExecutor, ...flaws }), framework, { parallel: false })

  it("finds a source that is drained up front, and failures that vanish", async () => {
    async function* map(...[source, fn, options]: Parameters<Executor["map"]>): AsyncGenerator<never> {
      const items: unknown[] = []
      for await (const item of source) {
        items.push(item)
        if (items.length > 1_000) break
      }
      for await (const outcome of sequentialExecutor.map(items, fn, { ...options, onError: "collect" })) {
        if (outcome.status === "ok") yield outcome as never
      }
    }
    const failed = await failuresOf(flawed({ map: map as Executor["map"] }))
    expect(failed).toContain("pulls: the source is never far ahead of the consumer")
    expect(failed).toContain("collects failures as outcomes")
    expect(failed).toContain("stops at the first failure: starts nothing more, waits for what runs, and rejects")
  })

  it("finds an attempt counter that items share", async () => {
    let attempts = 0
    const run: Executor["run"] = async (item, index, fn, options) => {
      const most = (options.retry?.maxAttempts ?? 1) - attempts++
      return sequentialExecutor.run(item, index, fn, { ...options, retry: { maxAttempts: Math.max(1, most) } })
    }
    expect(await failuresOf(flawed({ run }))).toContain(
      "tries as often as told, counting from 1, and tells of each attempt",
    )
  })
})
