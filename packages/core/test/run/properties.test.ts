import fc from "fast-check"
import { expect, test } from "vitest"
import { sequentialExecutor } from "@sluice/core"
import { parallelExecutor } from "../support/parallel-executor.ts"
import { abortAt, plan, runPlan, traceText } from "../support/random-flow.ts"

test("every item settles exactly once, nothing runs after the run has settled, a cancel comes out untouched", async () => {
  const ends = new Set<string>()
  await fc.assert(
    fc.asyncProperty(plan, abortAt, async (root, abortAtMs) => {
      const { wrong, ended } = await runPlan(root, abortAtMs, parallelExecutor)
      ends.add(ended)
      expect(wrong).toEqual([])
    }),
    { numRuns: 300 },
  )
  expect([...ends].toSorted()).toEqual(["cancelled", "failed", "ok"])
})

test("the sequential executor keeps the same promises", async () => {
  await fc.assert(
    fc.asyncProperty(plan, abortAt, async (root, abortAtMs) => {
      expect((await runPlan(root, abortAtMs, () => sequentialExecutor)).wrong).toEqual([])
    }),
    { numRuns: 100 },
  )
})

test("the same seed gives the same trace", async () => {
  await fc.assert(
    fc.asyncProperty(plan, abortAt, async (root, abortAtMs) => {
      const once = await runPlan(root, abortAtMs, parallelExecutor)
      expect(traceText(await runPlan(root, abortAtMs, parallelExecutor))).toBe(traceText(once))
    }),
    { numRuns: 100 },
  )
})
