import { expect, test } from "vitest"
import { define, type Outcome, SluiceError, type SluiceEvent } from "@sluice/core"
import { MemoryJournal } from "../support/memory-journal.ts"
import { parallel } from "../support/parallel.ts"

interface Shared {
  ran: string[]
  out?: unknown
}
const { step, batch, batchFlow, flow, pipeline } = define<Shared>()
const fresh = (): Shared => ({ ran: [] })
const where = (journal: MemoryJournal) =>
  journal.settles.map(({ identity: { node, visit, index, key } }) =>
    [node, visit, index, key].filter((part) => part !== undefined).join(" "),
  )

const ask = (name: string) =>
  step({
    name,
    prep: () => name,
    exec: (prompt, ctx) => {
      ctx.spend({ usd: 1, inputTokens: 2 })
      ctx.spend({ usd: 1 })
      return `answer to ${prompt}`
    },
    post: (shared, _, answer) => void shared.ran.push(answer),
  })

test("settled steps and items are not done again, and post runs again on what the journal kept", async () => {
  const journal = new MemoryJournal()
  const execs: string[] = []
  const work = batch({
    name: "work",
    prep: () => ["a", "b"],
    key: (text) => `key-${text}`,
    version: "7",
    exec: (text) => {
      execs.push(text)
      return text.toUpperCase()
    },
    post: (shared, _, results) => void (shared.out = results),
  })
  const app = flow({
    name: "app",
    nodes: { first: ask("first"), work },
    start: "first",
    edges: { first: { default: "work" } },
  })
  const one = fresh()
  await app.run(one, { journal, params: { p: 1 } })
  const two = fresh()
  const events: SluiceEvent[] = []
  journal.isAsync = true
  await app.run(two, { journal, params: { p: 1 }, onEvent: (event) => events.push(event) })
  expect(two).toEqual(one)
  expect(execs).toEqual(["a", "b"])
  expect(journal.settles.map(({ identity, cost }) => ({ ...identity, cost }))).toEqual([
    { node: "app/first", visit: 0, params: { p: 1 }, input: "first", cost: { usd: 2, inputTokens: 2 } },
    { node: "app/work", visit: 0, params: { p: 1 }, input: "a", index: 0, key: "key-a", version: "7", cost: undefined },
    { node: "app/work", visit: 0, params: { p: 1 }, input: "b", index: 1, key: "key-b", version: "7", cost: undefined },
  ])
  expect(journal.opened).toEqual(["app:app", "app:app"])
  expect(journal.ends).toEqual(["ok", "ok"])
  expect(events.filter((event) => event.type === "item-end")).toMatchObject([{ replayed: true }, { replayed: true }])
  expect(events.some((event) => event.type === "attempt-end")).toBe(false)
})

test("an outcome counts only when it is durable", async () => {
  const journal = new MemoryJournal()
  const log: string[] = []
  journal.beforeSettle = async ({ index }) => {
    await new Promise((resolve) => void setImmediate(resolve))
    log.push(`durable ${index}`)
  }
  const node = batch({
    name: "node",
    prep: () => [1, 2],
    exec: (n) => log.push(`exec ${n}`),
    onOutcome: ({ index }) => void log.push(`outcome ${index}`),
  })
  await node.run(fresh(), { journal })
  expect(log).toEqual(["exec 1", "durable 0", "outcome 0", "exec 2", "durable 1", "outcome 1"])
})

test("loops, loops around flows and equal params are told apart, the same way each time", async () => {
  const journal = new MemoryJournal()
  let round = 0
  const inner = batchFlow({
    name: "each",
    prep: () => [{ f: 1 }, { f: 2 }, { f: 1 }],
    flow: flow({ name: "sub", nodes: { ask: ask("ask") }, start: "ask" }),
  })
  const app = flow({
    name: "app",
    nodes: {
      inner: flow({ name: "inner", nodes: { inner }, start: "inner" }),
      count: step({ name: "count", exec: () => 1, post: () => (++round % 2 === 1 ? "again" : undefined) }),
    },
    start: "inner",
    edges: { inner: { default: "count" }, count: { again: "inner" } },
  })
  await app.run(fresh(), { journal })
  expect(where(journal)).toEqual([
    "app/inner/each/sub/ask 0",
    "app/inner/each/sub/ask 0",
    "app/inner/each~1/sub/ask 0",
    "app/count 0",
    "app/inner#1/each/sub/ask 0",
    "app/inner#1/each/sub/ask 0",
    "app/inner#1/each~1/sub/ask 0",
    "app/count 1",
  ])
  const before = journal.settles.length
  const again = fresh()
  await app.run(again, { journal })
  expect(journal.settles.length).toBe(before)
  expect(again.ran.length).toBe(6)
})

test("failed work is done again on resume, unless the outcome is wanted as it was", async () => {
  const journal = new MemoryJournal()
  let broken = true
  const node = batch({
    name: "node",
    prep: () => [1, 2, 3],
    onError: "collect",
    exec: (n) => {
      if (n === 2 && broken) throw new Error("two")
      return n
    },
    post: (shared, _, outcomes) => void (shared.out = outcomes),
  })
  await node.run(fresh(), { journal })
  broken = false
  const kept = fresh()
  await node.run(kept, { journal, retryFailed: false })
  expect(kept.out).toMatchObject([
    { status: "ok" },
    { status: "failed", error: { code: "item-failed" }, attempts: 1 },
    { status: "ok" },
  ])
  const retried = fresh()
  await node.run(retried, { journal })
  expect((retried.out as Outcome<number>[]).map(({ status }) => status)).toEqual(["ok", "ok", "ok"])
  expect(journal.settles.length).toBe(4)
})

test.each([1, 7, 20])(
  "a run that a failure stopped is finished by the next one: 20 outcomes of 20, none run twice (defect 30, concurrency %i)",
  async (concurrency) => {
    const { define: parallelDefine, time } = parallel()
    const journal = new MemoryJournal()
    const done: number[] = []
    let broken = true
    const node = parallelDefine<Shared>().batch({
      name: "node",
      prep: () => Array.from({ length: 20 }, (_, n) => n),
      concurrency,
      exec: async (n, ctx) => {
        await time.sleep(20 - (n % 5), ctx.signal)
        if (n === 9 && broken) throw new Error("nine")
        done.push(n)
        return n
      },
      post: (shared, _, results) => void (shared.out = results),
    })
    await expect(time.until(node.run(fresh(), { journal }))).rejects.toMatchObject({ index: 9 })
    broken = false
    const shared = fresh()
    await time.until(node.run(shared, { journal }))
    const all = Array.from({ length: 20 }, (_, n) => n)
    expect(shared.out).toEqual(all)
    expect(done.toSorted((a, b) => a - b)).toEqual(all)
  },
)

test("a failed step is recorded, and replayed only when asked", async () => {
  const journal = new MemoryJournal()
  let broken = true
  const node = step({
    name: "node",
    exec: () => {
      if (broken) throw new Error("step")
    },
  })
  await expect(node.run(fresh(), { journal })).rejects.toThrow("step")
  broken = false
  await expect(node.run(fresh(), { journal, retryFailed: false })).rejects.toThrow("step")
  expect(await node.run(fresh(), { journal })).toBe("default")
  expect(journal.ends).toEqual(["failed", "failed", "ok"])
})

test.each([true, false])(
  "a journal that does not write stops the run, whatever onError says (events: %s)",
  async (listening) => {
    const journal = new MemoryJournal()
    const full = new SluiceError("journal-write", "disk full")
    const execs: number[] = []
    journal.beforeSettle = ({ index }) => {
      if (index === 1) throw full
    }
    const node = batch({
      name: "node",
      prep: () => [1, 2, 3],
      onError: "collect",
      exec: (n) => void execs.push(n),
      retry: { maxAttempts: 3, retryIf: () => true },
    })
    await expect(node.run(fresh(), { journal, ...(listening && { onEvent: () => {} }) })).rejects.toBe(full)
    expect(execs).toEqual([1, 2])
  },
)

test("a journal that cannot close: an error after success, a warning after a failure", async () => {
  const journal = new MemoryJournal()
  journal.onEnd = () => {
    throw new Error("cannot close")
  }
  await expect(step({ name: "fine" }).run(fresh(), { journal })).rejects.toThrow("cannot close")
  const events: SluiceEvent[] = []
  const bad = step({
    name: "bad",
    post: () => {
      throw new Error("post")
    },
  })
  await expect(bad.run(fresh(), { journal, onEvent: (event) => events.push(event) })).rejects.toThrow("post")
  await expect(bad.run(fresh(), { journal })).rejects.toThrow("post")
  expect(events.at(-2)).toMatchObject({
    type: "warning",
    code: "journal-write",
    message: "The journal could not close the run: cannot close",
  })
})

test("each stage of a pipeline has records of its own", async () => {
  const journal = new MemoryJournal()
  const line = pipeline([
    batch({ name: "a", prep: () => ["x", "y"], exec: (text) => `${text}!` }),
    batch({
      name: "b",
      exec: (text: string) => text.length,
      post: (shared, _, results) => void (shared.out = results),
    }),
  ])
  const shared = fresh()
  await line.run(shared, { journal })
  expect(where(journal)).toEqual(["a > b/a 0 0", "a > b/b 0 0", "a > b/a 0 1", "a > b/b 0 1"])
  const again = fresh()
  await line.run(again, { journal })
  expect(again.out).toEqual([2, 2])
  expect(journal.settles.length).toBe(4)
})
