import { expect, test } from "vitest"
import { define, ItemError, type SluiceEvent } from "@sluice/core"

interface Shared {
  texts: string[]
  summary?: string
  log: string[]
}
const { step, batch, batchFlow, flow, pipeline } = define<Shared>()

const fresh = (texts: string[] = ["a", "bb", "ccc"]): Shared => ({ texts, log: [] })

test("a flow loads, maps and picks the next node by action", async () => {
  const load = step({ name: "load", post: (shared) => (shared.texts.length === 0 ? "empty" : undefined) })
  const summarise = batch({
    name: "summarise",
    prep: (shared) => shared.texts,
    exec: async (text, ctx) => `${ctx.index}:${text.length}`,
    post: (shared, texts, results) => {
      shared.summary = `${texts.length} ${results.join()}`
      return "done"
    },
  })
  const apologise = step({ name: "apologise", post: (shared) => void (shared.summary = "nothing to do") })
  const app = flow({
    name: "digest",
    nodes: { load, summarise, apologise },
    start: "load",
    edges: { load: { default: "summarise", empty: "apologise" } },
  })
  const full = fresh()
  expect(await app.run(full)).toBe("done")
  expect(full.summary).toBe("3 0:1,1:2,2:3")
  const empty = fresh([])
  expect(await app.run(empty)).toBe("default")
  expect(empty.summary).toBe("nothing to do")
})

test("a batch flow runs a sub-flow per params object, merged parent-first and frozen", async () => {
  const note = step({
    name: "note",
    post: (shared, _prepared, _result, ctx) => {
      shared.log.push(JSON.stringify(ctx.params))
      expect(Object.isFrozen(ctx.params)).toBe(true)
      return ctx.params["inner"] === 2 ? "two" : "one"
    },
  })
  const inner = batchFlow({ name: "inner", prep: () => [{ inner: 1 }, { inner: 2, over: "inner" }], flow: note })
  const outer = batchFlow({
    name: "outer",
    prep: (shared) => shared.texts.map((text) => ({ text, over: "outer" })),
    flow: flow({ name: "sub", nodes: { inner }, start: "inner" }),
    post: (shared, _params, actions) => void shared.log.push(actions.join()),
  })
  const shared = fresh(["x"])
  await outer.run(shared, { params: { root: true } })
  expect(shared.log).toEqual([
    '{"root":true,"text":"x","over":"outer","inner":1}',
    '{"root":true,"text":"x","over":"inner","inner":2}',
    "default",
  ])
})

test("the first final failure rejects with an ItemError, and nothing more starts", async () => {
  const started: number[] = []
  const app = batch({
    name: "fail",
    prep: () => [0, 1, 2, 3],
    key: (n) => `k${n}`,
    retry: { maxAttempts: 2 },
    exec: (n, ctx) => {
      started.push(n)
      if (n === 1) throw new Error(`boom ${ctx.attempt}`)
      return n
    },
  })
  const error = await app.run(fresh()).catch((caught: unknown) => caught)
  expect(ItemError.isInstance(error)).toBe(true)
  expect(error).toMatchObject({
    index: 1,
    key: "k1",
    attempts: 2,
    errors: [{ message: "boom 1" }, { message: "boom 2" }],
  })
  expect(started).toEqual([0, 1, 1])
})

test("stages of a pipeline pass items on one by one", async () => {
  const seen: string[] = []
  const a = batch({ name: "a", prep: (shared) => shared.texts, exec: (text) => (seen.push(`a${text}`), text.length) })
  const b = batch({
    name: "b",
    exec: (length: number) => (seen.push(`b${length}`), length * 2),
    post: (shared, _prepared, doubled) => void (shared.summary = doubled.join()),
  })
  const shared = fresh()
  await pipeline([a, b]).run(shared)
  expect(shared.summary).toBe("2,4,6")
  expect(seen).toEqual(["aa", "b1", "abb", "b2", "accc", "b3"])
})

test("events rebuild the tree", async () => {
  const events: SluiceEvent[] = []
  const work = batch({
    name: "work",
    prep: (shared) => shared.texts,
    exec: (text, { spend, log }) => (spend({ usd: 1 }), log("hi", text), text),
  })
  const app = flow({ name: "app", nodes: { work }, start: "work" })
  await app.run(fresh(["a"]), { onEvent: (event) => events.push(event), runId: "r1" })
  expect(
    events.map((event) => [event.type, "spanId" in event && event.spanId, "parentId" in event && event.parentId]),
  ).toEqual([
    ["run-start", 0, false],
    ["node-start", 1, 0],
    ["node-start", 2, 1],
    ["item-start", 3, 2],
    ["usage", 3, 2],
    ["log", 3, 2],
    ["attempt-end", 4, 3],
    ["item-end", 3, 2],
    ["node-end", 2, 1],
    ["node-end", 1, 0],
    ["run-end", 0, false],
  ])
})
