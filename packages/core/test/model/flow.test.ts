import { expect, test } from "vitest"
import { define, type Node, type SluiceEvent } from "@sluice/core"
import { parallel } from "../support/parallel.ts"

interface Shared {
  count: number
  log: string[]
}
const { step, flow, batchFlow } = define<Shared>()
const fresh = (): Shared => ({ count: 0, log: [] })
const say = (name: string, action?: string) => step({ name, post: (shared) => (shared.log.push(name), action) })

test("an edge picks the next node by action, nothing meaning default, and a flow may loop", async () => {
  const again = step({ name: "again", post: (shared) => (++shared.count < 5 ? "more" : undefined) })
  const app = flow({
    name: "app",
    nodes: { again, end: say("end", "finished") },
    start: "again",
    edges: { again: { more: "again", default: "end" } },
  })
  const shared = fresh()
  expect(await app.run(shared)).toBe("finished")
  expect(shared).toEqual({ count: 5, log: ["end"] })
})

test("an action without an edge ends the flow, with an event if the node has other edges", async () => {
  const events: SluiceEvent[] = []
  const app = flow({
    name: "app",
    nodes: { a: say("a", "odd"), b: say("b", "fine") },
    start: "a",
    edges: { a: { default: "b" } },
  })
  expect(await app.run(fresh(), { onEvent: (event) => events.push(event) })).toBe("odd")
  expect(await app.run(fresh())).toBe("odd")
  const unknown = events.filter((event) => event.type === "unknown-action")
  expect(unknown).toMatchObject([{ node: "app/a", action: "odd", known: ["default"], parentId: 1 }])

  const last = flow({ name: "last", nodes: { b: say("b", "fine") }, start: "b" })
  events.length = 0
  expect(await last.run(fresh(), { onEvent: (event) => events.push(event) })).toBe("fine")
  expect(events.some((event) => event.type === "unknown-action")).toBe(false)
})

test("null ends the flow on purpose: no event, and strict is content", async () => {
  const events: string[] = []
  const app = flow({
    name: "app",
    strict: true,
    nodes: { a: step({ name: "a", post: () => "stop" as const }) },
    start: "a",
    edges: { a: { stop: null } },
  })
  expect(await app.run(fresh(), { onEvent: (event) => events.push(event.type) })).toBe("stop")
  expect(events).not.toContain("unknown-action")
})

test("a strict flow refuses an action without an edge at run time too", async () => {
  const dynamic = step({ name: "dynamic", post: (shared): string => shared.log[0] ?? "" })
  const app = flow({
    name: "app",
    strict: true,
    nodes: { dynamic, end: say("end") },
    start: "dynamic",
    edges: { dynamic: { go: "end" } },
  })
  await expect(app.run({ count: 0, log: ["gone"] })).rejects.toMatchObject({
    code: "invalid-graph",
    message:
      '"dynamic" returned "gone", which has no edge (known: go). Add edges.dynamic.gone: a node, or null to end the flow there.',
  })
  expect(await app.run({ count: 0, log: ["default"] })).toBe("default")
  const bare = flow({ name: "bare", strict: true, nodes: { dynamic }, start: "dynamic", edges: { dynamic: {} } })
  await expect(bare.run({ count: 0, log: ["gone"] })).rejects.toThrow("(known: none)")
})

test("a nested flow is a node: prep, then its nodes, then post, which may turn the last action into another", async () => {
  const inner = flow({
    name: "inner",
    nodes: { a: say("a", "done") },
    start: "a",
    prep: async (shared) => shared.count,
    post: async (shared, prepared, action) => {
      shared.log.push(`${prepared} ${action}`)
      return "turned"
    },
  })
  const plain = flow({ name: "plain", nodes: { c: say("c", "deep") }, start: "c", prep: () => 1 })
  const app = flow({
    name: "app",
    nodes: { inner, plain, b: say("b") },
    start: "inner",
    edges: { inner: { turned: "plain" }, plain: { deep: "b" } },
    post: () => undefined,
  })
  const shared = fresh()
  expect(await app.run(shared)).toBe("default")
  expect(shared.log).toEqual(["a", "0 done", "c", "b"])
})

test("flows and batch flows nest to any depth", async () => {
  let node: Node<Shared> = say("leaf", "deep")
  for (let depth = 0; depth < 100; depth++) {
    node =
      depth % 2 === 0
        ? flow({ name: `f${depth}`, nodes: { node }, start: "node" })
        : batchFlow({ name: `b${depth}`, prep: () => [{ [depth]: 1 }], flow: node, post: (_, __, [action]) => action })
  }
  const shared = fresh()
  expect(await node.run(shared)).toBe("deep")
  expect(shared.log).toEqual(["leaf"])
})

test("a loop that never ends is a clear error, at a limit that acyclic flows cannot reach", async () => {
  const forever = say("forever", "again")
  const app = flow({ name: "app", nodes: { forever }, start: "forever", edges: { forever: { again: "forever" } } })
  const shared = fresh()
  await expect(app.run(shared)).rejects.toMatchObject({
    code: "max-steps",
    message:
      '"app" ran 10001 nodes and would run "forever" next: most likely a loop that never ends. Fix the action that should leave it, or raise maxSteps of run().',
  })
  expect(shared.log.length).toBe(10_001)
  await expect(app.run(fresh(), { maxSteps: 3 })).rejects.toMatchObject({ details: { maxSteps: 3 } })

  const size = 20_000
  const nodes = Object.fromEntries(Array.from({ length: size }, (_, i) => [`n${i}`, step({ name: `n${i}` })]))
  const edges = Object.fromEntries(Array.from({ length: size - 1 }, (_, i) => [`n${i}`, { default: `n${i + 1}` }]))
  expect(await flow({ name: "chain", nodes, edges, start: "n0" }).run(fresh())).toBe("default")
})

test("a batch flow in parallel gives each run its own params, and collects failures", async () => {
  const { define: parallelDefine, time } = parallel()
  const kit = parallelDefine<Shared, { readonly n: number }>()
  const work = kit.step({
    name: "work",
    prep: (_shared, ctx) => ctx.params.n,
    exec: async (n) => {
      await time.sleep(10 - n)
      if (n === 2) throw new Error("two")
      return n
    },
    post: (shared, n) => {
      shared.log.push(`${n}`)
      return "worked"
    },
  })
  const all = kit.batchFlow({
    name: "all",
    prep: async () => [1, 2, 3].map((n) => ({ n })),
    flow: work,
    key: (params) => `k${params.n}`,
    onError: "collect",
    post: async (shared, params, outcomes) => {
      shared.log.push(
        ...outcomes.map((each) => (each.status === "ok" ? each.value : (each.error as Error).message)),
        `${params.length}`,
      )
      return "done"
    },
  })
  const shared = fresh()
  expect(await time.until(all.run(shared))).toBe("done")
  expect(shared.log).toEqual(["3", "1", "worked", 'Item 1 ("k2") of "all" failed after 1 attempt: two', "worked", "3"])
  expect(time.now()).toBe(9)
})

test("a batch flow refuses params that are no object, and may have no post", async () => {
  const bad = batchFlow({ name: "bad", prep: () => [5] as unknown as object[], flow: say("x") })
  await expect(bad.run(fresh())).rejects.toMatchObject({
    cause: { code: "invalid-option", message: 'batch flow "bad": each item of prep must be a params object (got 5).' },
  })
  const none = batchFlow({ name: "none", prep: () => undefined, flow: say("x"), concurrency: 2 })
  expect(await none.run(fresh())).toBe("default")
  expect(none.toJSON()).toEqual({
    kind: "batch-flow",
    name: "none",
    flow: { kind: "step", name: "x" },
    options: { concurrency: 2 },
  })
})
