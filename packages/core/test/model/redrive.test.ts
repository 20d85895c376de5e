import { describe, expect, test } from "vitest"
import { define, type Outcome, type SluiceEvent } from "@sluice/core"
import { MemoryJournal } from "../support/memory-journal.ts"
import { parallel } from "../support/parallel.ts"

interface Shared {
  ran: unknown[]
  broken: boolean
  outcomes: Outcome<never>[]
}
const { step, batch, batchFlow, flow } = define<Shared>()
const fresh = (): Shared => ({ ran: [], broken: true, outcomes: [] })
const values = ({ outcomes }: Shared): unknown[] =>
  outcomes.map((each) => (each.status === "ok" ? each.value : each.status))

describe("a batch", () => {
  const node = batch({
    name: "node",
    prep: (shared) => [1, 2, 3, 4].map((n) => ({ n, shared })),
    exec: ({ n, shared }) => {
      shared.ran.push(n)
      if (shared.broken && n % 2 === 0) throw new Error(`bad ${n}`)
      return n * 10
    },
    onError: "collect",
    post: (shared, _, outcomes) => {
      shared.outcomes = outcomes as Outcome<never>[]
      return shared.broken ? "again" : "done"
    },
  })

  test("runs its failed items alone and merges them into the original order", async () => {
    const shared = fresh()
    expect(await node.run(shared)).toBe("again")
    shared.broken = false
    shared.ran = []
    const events: SluiceEvent[] = []
    expect(await node.redrive(shared, shared.outcomes, { onEvent: (event) => events.push(event) })).toBe("done")
    expect(shared.ran).toEqual([2, 4])
    expect(values(shared)).toEqual([10, 20, 30, 40])
    expect(events.filter((event) => event.type === "item-end").map(({ replayed = false }) => replayed)).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  test("runs what has no outcome too, as after a stop, and may fail again", async () => {
    const shared = fresh()
    await node.redrive(shared, [{ status: "ok", index: 2, value: 99, attempts: 7 }])
    expect(shared.ran).toEqual([1, 2, 4])
    expect(shared.outcomes).toMatchObject([
      { status: "ok", value: 10 },
      { status: "failed", index: 1 },
      { status: "ok", index: 2, value: 99, attempts: 7 },
      { status: "failed", index: 3 },
    ])
  })

  test("settles in a journal what it runs, with its cost", async () => {
    const journal = new MemoryJournal()
    const paid = batch({
      name: "paid",
      prep: () => [1, 2],
      exec: (n, { spend }) => (spend({ usd: n }), n),
      post: (shared, _, results) => void shared.ran.push(...results),
    })
    const shared = fresh()
    await paid.redrive(shared, [{ status: "ok", index: 0, value: 99, attempts: 1 }], { journal })
    expect(shared.ran).toEqual([99, 2])
    expect(journal.settles).toMatchObject([{ identity: { node: "paid", index: 1 }, cost: { usd: 2 } }])
    expect(journal.ends).toEqual(["ok"])
  })
})

describe("a batch flow", () => {
  test("runs the sub-flows of its failed params alone, merged into the original order, in parallel too", async () => {
    const { define: parallelDefine, time } = parallel()
    const kit = parallelDefine<Shared, { readonly f: number }>()
    const work = kit.step({
      name: "work",
      prep: (shared, { params }) => ({ fails: shared.broken && params.f % 2 === 0, ms: 10 - params.f }),
      exec: async ({ fails, ms }) => {
        await time.sleep(ms)
        if (fails) throw new Error("bad")
      },
      post: (shared, _, __, { params }) => {
        shared.ran.push(params.f)
        return params.f > 2 ? "big" : "small"
      },
    })
    const each = kit.batchFlow({
      name: "each",
      prep: () => [1, 2, 3, 4].map((f) => ({ f })),
      flow: work,
      concurrency: 3,
      onError: "collect",
      post: (shared, _, outcomes) => void (shared.outcomes = outcomes as Outcome<never>[]),
    })
    const shared = fresh()
    await time.until(each.run(shared))
    expect(values(shared)).toEqual(["small", "failed", "big", "failed"])
    shared.broken = false
    shared.ran = []
    await time.until(each.redrive(shared, shared.outcomes))
    expect(shared.ran).toEqual([4, 2])
    expect(values(shared)).toEqual(["small", "small", "big", "big"])
  })

  test("inner items and equal params find their own records, and no others", async () => {
    const journal = new MemoryJournal()
    const ran: string[] = []
    let broken = true
    const inner = batch({
      name: "inner",
      prep: (_, { params }) => [`${String(params["f"])}a`, `${String(params["f"])}b`],
      exec: (item) => {
        ran.push(item)
        if (broken && item.endsWith("b") && ran.length > 2) throw new Error("bad")
        return item
      },
    })
    const each = batchFlow({
      name: "each",
      prep: () => [{ f: 1 }, { f: 1 }, { f: 2 }],
      flow: flow({ name: "sub", nodes: { inner }, start: "inner" }),
      onError: "collect",
      post: (shared, _, outcomes) => void (shared.outcomes = outcomes as Outcome<never>[]),
    })
    const shared = fresh()
    await each.run(shared, { journal })
    expect(values(shared)).toEqual(["default", "failed", "failed"])
    broken = false
    ran.length = 0
    await each.redrive(shared, shared.outcomes, { journal })
    expect(ran).toEqual(["1b", "2b"])
    expect(values(shared)).toEqual(["default", "default", "default"])
  })
})

test("a node inside a flow is redriven as a run of its own", async () => {
  const failing = batch({ name: "failing", prep: () => [1], exec: () => 1, post: () => "next" })
  const app = flow({
    name: "app",
    nodes: { failing, end: step({ name: "end" }) },
    start: "failing",
    edges: { failing: { next: "end" } },
  })
  expect(await app.run(fresh())).toBe("default")
  expect(await failing.redrive(fresh(), [])).toBe("next")
})
