import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as sluice from "../src/index.ts"

it("the package's own exports are these", () => {
  expect(Object.keys(sluice).toSorted()).toEqual([
    "AnswerError",
    "ItemError",
    "SluiceError",
    "VendorError",
    "adaptive",
    "aiSdkMiddleware",
    "aiSdkOptions",
    "anthropicBatches",
    "anthropicOptions",
    "ask",
    "coalesce",
    "coalesceEmbeddings",
    "createQuota",
    "define",
    "geminiBatches",
    "googleOptions",
    "journalLedger",
    "keyed",
    "limitedFetch",
    "mapAll",
    "memoryLedger",
    "openJournal",
    "openaiBatches",
    "openaiOptions",
    "parallelMap",
    "runBatches",
    "semaphore",
    "throttle",
    "usageTally",
    "withCall",
  ])
})

describe("by subpath", async () => {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, "../package.json"), "utf8")) as {
    exports: Record<string, unknown>
  }
  const names = Object.keys(manifest.exports).map((path) => path.replace(/^\.\/?/, ""))

  it("every package below is there", () => {
    expect(names).toEqual(expect.arrayContaining(["core", "scheduler", "providers", "journal", "pocketflow"]))
  })

  it.each(["core", "scheduler", "providers", "journal", "pocketflow"])("sluice/%s is @sluice/%s", async (name) => {
    const ours = (await import(`../src/${name}.ts`)) as object
    const theirs = (await import(`@sluice/${name}`)) as object
    expect(ours).toEqual(theirs)
  })
})

it("define runs batches in parallel", async () => {
  const { batch } = sluice.define<{ most: number }>()
  let running = 0
  let most = 0
  const work = batch({
    name: "work",
    prep: () => [1, 2, 3],
    exec: async () => {
      most = Math.max(most, ++running)
      await new Promise((done) => setImmediate(done))
      running--
    },
    post: (shared) => {
      shared.most = most
    },
  })
  const shared = { most: 0 }
  await work.run(shared)
  expect(shared.most).toBe(3)
})
