import { expect, test } from "vitest"
import { define, type Executor, sequentialExecutor } from "@sluice/core"

test("a run's own executor runs the items in place of the one that the flow was defined with", async () => {
  const { batch } = define<{ numbers: number[]; doubled: number[] }>()
  const double = batch({
    name: "double",
    prep: ({ numbers }) => numbers,
    exec: (n) => n * 2,
    post: (shared, _numbers, doubled) => void (shared.doubled = doubled),
  })
  let maps = 0
  const executor: Executor = {
    map: (source, work, options) => {
      maps++
      return sequentialExecutor.map(source, work, options)
    },
  }
  const shared = { numbers: [1, 2], doubled: [] as number[] }
  await double.run(shared, { executor })
  expect([maps, shared.doubled]).toEqual([1, [2, 4]])
  await double.run(shared)
  expect(maps).toBe(1)
})
