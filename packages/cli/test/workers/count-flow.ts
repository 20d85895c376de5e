import { createDefine } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"

const { batch } = createDefine(systemRuntime)<{ readonly texts: string[]; counts?: number[]; by?: number[] }>()

/** What `sluice worker` loads, and the test that runs it. */
export const app = batch({
  name: "count",
  prep: ({ texts }) => texts,
  exec: (text) => ({ count: text.split(" ").length, by: process.pid }),
  post: (shared, _texts, results) => {
    shared.counts = results.map(({ count }) => count)
    shared.by = results.map(({ by }) => by)
  },
})
