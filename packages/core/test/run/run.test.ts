import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { createDefine, define, sequentialRuntime, type SluiceEvent } from "@sluice/core"
import { MemoryJournal } from "../support/memory-journal.ts"
import { parallel } from "../support/parallel.ts"

interface Shared {
  log: string[]
}
const { step, batch, flow } = define<Shared>()
const fresh = (): Shared => ({ log: [] })

describe("cancel", () => {
  test("a signal aborted before the run starts nothing, and its reason comes out untouched", async () => {
    const reason = { why: "not even an error" }
    const shared = fresh()
    const node = step({ name: "node", prep: (state) => void state.log.push("prep") })
    await expect(node.run(shared, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(shared.log).toEqual([])
  })

  test("between two nodes the next one does not start", async () => {
    const controller = new AbortController()
    const reason = Symbol("stop")
    const shared = fresh()
    const app = flow({
      name: "app",
      nodes: {
        a: step({ name: "a", post: () => controller.abort(reason) }),
        b: step({ name: "b", prep: (state) => void state.log.push("b") }),
      },
      start: "a",
      edges: { a: { default: "b" } },
    })
    await expect(app.run(shared, { signal: controller.signal })).rejects.toBe(reason)
    expect(shared.log).toEqual([])
  })

  test.each([true, false])(
    "reaches every exec of every sub-flow, and the run waits for all of them (events: %s)",
    async (listening) => {
      const { define: parallelDefine, time } = parallel()
      const kit = parallelDefine<Shared>()
      const log: string[] = []
      const slow = kit.batch({
        name: "slow",
        prep: () => [1, 2],
        exec: async (n, ctx) => {
          log.push(`start ${JSON.stringify(ctx.params)} ${n}`)
          // Leaving takes 7 ms.
          await time.sleep(1_000, ctx.signal).catch(() => time.sleep(7))
          log.push(`end ${JSON.stringify(ctx.params)} ${n}`)
          return n
        },
      })
      const app = kit.batchFlow({ name: "app", prep: () => [{ f: 1 }, { f: 2 }], flow: slow, onError: "collect" })
      const controller = new AbortController()
      const reason = new Error("cancelled by hand")
      time.setTimer(100, () => controller.abort(reason))
      const events: SluiceEvent[] = []
      const run = app.run(fresh(), {
        signal: controller.signal,
        ...(listening && { onEvent: (event) => events.push(event) }),
      })
      await expect(time.until(run)).rejects.toBe(reason)
      expect(time.now()).toBe(107)
      expect(log.filter((line) => line.startsWith("start")).length).toBe(4)
      expect(log.filter((line) => line.startsWith("end")).length).toBe(4)
      expect(time.pendingTimers).toBe(0)
      if (listening) {
        expect(events.at(-1)).toMatchObject({ type: "run-end", status: "cancelled", error: reason })
        expect(events.filter((event) => event.type === "node-end").map((event) => event.status)).toEqual([
          "cancelled",
          "cancelled",
          "cancelled",
        ])
      }
    },
  )

  test("an item that fails because of the cancel is no outcome; one that finishes anyway is not lost from the journal", async () => {
    const { define: parallelDefine, time } = parallel()
    const journal = new MemoryJournal()
    const controller = new AbortController()
    const node = parallelDefine<Shared>().batch({
      name: "node",
      prep: () => [1, 2],
      onError: "collect",
      exec: async (n, ctx) => {
        await time.sleep(10, n === 1 ? ctx.signal : undefined)
        return n
      },
    })
    time.setTimer(5, () => controller.abort("stop"))
    const events: SluiceEvent[] = []
    await expect(
      time.until(node.run(fresh(), { signal: controller.signal, journal, onEvent: (event) => events.push(event) })),
    ).rejects.toBe("stop")
    expect(journal.settles.map(({ outcome }) => outcome)).toEqual([{ status: "ok", index: 1, value: 2, attempts: 1 }])
    expect(events.filter((event) => event.type === "item-end").map(({ index, status }) => [index, status])).toEqual([
      [0, "cancelled"],
      [1, "ok"],
    ])
    expect(journal.ends).toEqual(["cancelled"])
  })

  test("a step that is cancelled rejects with the reason, whatever exec threw", async () => {
    const { define: parallelDefine, time } = parallel()
    const kit = parallelDefine<Shared>()
    const controller = new AbortController()
    const exec = async (_: undefined, ctx: { signal: AbortSignal }): Promise<void> => {
      await time.sleep(50, ctx.signal).catch(() => {
        throw new Error("aborted, says the SDK")
      })
    }
    for (const node of [
      kit.step({ name: "retried", exec, retry: { maxAttempts: 3 } }),
      kit.step({ name: "watched", exec }),
    ]) {
      const stopped = new AbortController()
      time.setTimer(5, () => stopped.abort("reason"))
      await expect(time.until(node.run(fresh(), { signal: stopped.signal, onEvent: () => {} }))).rejects.toBe("reason")
    }
    time.setTimer(5, () => controller.abort("reason"))
    const app = kit.flow({ name: "app", nodes: { plain: kit.step({ name: "plain", exec }) }, start: "plain" })
    await expect(time.until(app.run(fresh(), { signal: controller.signal }))).rejects.toBe("reason")
  })
})

describe("events", () => {
  test("tell the tree of a run by spans, monotonically", async () => {
    const events: SluiceEvent[] = []
    const work = batch({
      name: "work",
      prep: () => ["a"],
      key: (text) => text,
      retry: { maxAttempts: 2 },
      exec: (_text, { attempt, spend, log }) => {
        spend({ usd: 1 })
        log("hi")
        log("data", { n: 1 })
        if (attempt === 1) throw new Error("once")
      },
    })
    const app = flow({
      name: "app",
      nodes: { inner: flow({ name: "inner", nodes: { work }, start: "work" }) },
      start: "inner",
    })
    await app.run(fresh(), { onEvent: (event) => events.push(event), runId: "r1", params: { p: 1 } })
    const brief = events.map((event) => [
      event.type,
      ...("node" in event ? [event.node] : []),
      ...("spanId" in event ? [event.spanId, event.parentId] : []),
    ])
    expect(brief).toEqual([
      ["run-start", 0, undefined],
      ["node-start", "app", 1, 0],
      ["node-start", "app/inner", 2, 1],
      ["node-start", "app/inner/work", 3, 2],
      ["item-start", "app/inner/work", 4, 3],
      ["usage", 4, 3],
      ["log", 4, 3],
      ["log", 4, 3],
      ["attempt-end", "app/inner/work", 5, 4],
      ["usage", 4, 3],
      ["log", 4, 3],
      ["log", 4, 3],
      ["attempt-end", "app/inner/work", 6, 4],
      ["item-end", "app/inner/work", 4, 3],
      ["node-end", "app/inner/work", 3, 2],
      ["node-end", "app/inner", 2, 1],
      ["node-end", "app", 1, 0],
      ["run-end", 0, undefined],
    ])
    expect(
      events.filter((event) => event.type === "attempt-end").map((event) => [event.attempt, "error" in event]),
    ).toEqual([
      [1, true],
      [2, false],
    ])
    expect(events[4]).toMatchObject({ key: "a", index: 0, runId: "r1" })
    expect(events[1]).toMatchObject({ kind: "flow", params: { p: 1 } })
    expect(events[7]).toMatchObject({ message: "data", data: { n: 1 } })
    const times = events.map((event) => event.atMs)
    expect(times.toSorted((a, b) => a - b)).toEqual(times)
  })

  test("let a consumer rebuild the tree of flows, nodes, items and attempts, of what runs at once too", async () => {
    const { define: parallelDefine, time } = parallel()
    const kit = parallelDefine<Shared>()
    const tried = kit.step({
      name: "tried",
      retry: { maxAttempts: 2 },
      exec: async (_, { attempt }) => {
        await time.sleep(5)
        if (attempt === 1) throw new Error("once")
      },
    })
    const items = kit.batch({ name: "items", prep: () => ["x", "y"], key: (key) => key, exec: () => time.sleep(3) })
    const sub = kit.flow({
      name: "sub",
      nodes: { tried, items },
      start: "tried",
      edges: { tried: { default: "items" } },
    })
    const each = kit.batchFlow({ name: "each", prep: () => [{ f: 1 }, { f: 2 }], flow: sub })
    const events: SluiceEvent[] = []
    await time.until(each.run(fresh(), { onEvent: (event) => events.push(event) }))

    const children = new Map<number | undefined, { readonly spanId: number; readonly title: string }[]>()
    for (const event of events) {
      if (event.type === "run-start" || !("spanId" in event) || event.spanId === undefined) continue
      const siblings = children.get(event.parentId) ?? []
      children.set(event.parentId, siblings)
      if (event.type === "node-start") siblings.push({ spanId: event.spanId, title: `${event.kind} ${event.node}` })
      if (event.type === "item-start") siblings.push({ spanId: event.spanId, title: `item ${event.index}` })
      if (event.type === "attempt-end") siblings.push({ spanId: event.spanId, title: `attempt ${event.attempt}` })
    }
    const outline = (spanId: number, indent = ""): string[] =>
      (children.get(spanId) ?? []).flatMap((each) => [indent + each.title, ...outline(each.spanId, `${indent}  `)])
    const run = (index: number): string[] => [
      `  item ${index}`,
      "    flow each/sub",
      "      step each/sub/tried",
      "        attempt 1",
      "        attempt 2",
      "      batch each/sub/items",
      "        item 0",
      "          attempt 1",
      "        item 1",
      "          attempt 1",
      "    attempt 1",
    ]
    expect(outline(0)).toEqual(["batch-flow each", ...run(0), ...run(1)])
  })

  test("a failed run says so at each level", async () => {
    const events: SluiceEvent[] = []
    const bad = batch({
      name: "bad",
      prep: () => [1],
      exec: () => {
        throw new Error("x")
      },
    })
    await expect(bad.run(fresh(), { onEvent: (event) => events.push(event) })).rejects.toThrow("x")
    expect(events.slice(2)).toMatchObject([
      { type: "item-start" },
      { type: "attempt-end", error: { message: "x" } },
      { type: "item-end", status: "failed", attempts: 1, error: { code: "item-failed" } },
      { type: "node-end", status: "failed" },
      { type: "run-end", status: "failed" },
    ])
  })

  test("a sink that throws does not disturb the run", async () => {
    const onEvent = (): never => {
      throw new Error("sink")
    }
    expect(await step({ name: "node" }).run(fresh(), { onEvent })).toBe("default")
  })

  test("cost nothing when nobody listens: no time stamp is taken, no event is built", async () => {
    const now = vi.fn<() => number>(() => 0)
    const kit = createDefine({ ...sequentialRuntime, clock: { ...sequentialRuntime.clock, now } })<Shared>()
    const key = vi.fn<(n: number) => string>((n) => `k${n}`)
    const app = kit.flow({
      name: "app",
      nodes: {
        tried: kit.step({
          name: "tried",
          exec: (_, { log }) => log("x"),
          retry: { maxAttempts: 2 },
          post: () => "odd",
        }),
        items: kit.batch({ name: "items", prep: () => [1, 2], key, exec: (_, { spend }) => spend({ usd: 1 }) }),
      },
      start: "tried",
      edges: { tried: { odd: "items" }, items: { other: null } },
    })
    await app.run(fresh())
    expect([now.mock.calls.length, key.mock.calls.length]).toEqual([0, 0])
    await app.run(fresh(), { onEvent: () => {} })
    // 19 events, and the beginnings of three attempts.
    expect([now.mock.calls.length, key.mock.calls.length]).toEqual([19 + 3, 2])
  })

  test("spend and log are silent when nobody listens", async () => {
    const node = step({ name: "node", exec: (_, ctx) => (ctx.spend({ usd: 1 }), ctx.log("x")) })
    expect(await node.run(fresh())).toBe("default")
  })
})

describe("shared state", () => {
  const schema = z.object({ log: z.array(z.string()), n: z.number().optional() })

  test("is checked at the start of a run, naming each path", async () => {
    const kit = define(schema)
    const node = kit.step({ name: "node", post: (shared) => void shared.log.push("ran") })
    const good = { log: [] }
    await node.run(good)
    expect(good.log).toEqual(["ran"])
    await expect(node.run({ log: [1], n: "x" } as never)).rejects.toMatchObject({
      code: "invalid-shared",
      message: expect.stringMatching(/at the start of the run\. shared\.log\.0: .+; shared\.n: .+/),
    })
    await expect(node.run(undefined as never)).rejects.toThrow("shared: ")
  })

  test("is checked after each post when asked", async () => {
    const kit = define(schema, { check: "posts" })
    const bad = kit.step({ name: "bad", post: (shared) => void ((shared as { n?: unknown }).n = "text") })
    const app = kit.flow({ name: "app", nodes: { bad }, start: "bad" })
    await expect(app.run({ log: [] })).rejects.toMatchObject({
      message: expect.stringContaining('after post of "app/bad"'),
    })
    expect(
      await define(schema)
        .step({ name: "bad", post: (shared) => void ((shared as { n?: unknown }).n = "text") })
        .run({ log: [] }),
    ).toBe("default")
  })

  test("any Standard Schema will do, sync or async, with path segments as objects", async () => {
    const kit = define<{ x: number }>({
      "~standard": {
        version: 1,
        vendor: "test",
        validate: async () => ({ issues: [{ message: "is odd", path: [{ key: "x" }] }] }),
      },
    })
    await expect(kit.step({ name: "node" }).run({ x: 1 })).rejects.toThrow("shared.x: is odd")
    const whole = define<{ x: number }>({
      "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "is odd" }] }) },
    })
    await expect(whole.step({ name: "node" }).run({ x: 1 })).rejects.toThrow("run. shared: is odd")
  })
})

describe("options", () => {
  test("a run has an id: the given one, the node's name with a journal, else a random one", async () => {
    const ids: string[] = []
    const onEvent = (event: SluiceEvent): void => {
      if (event.type === "run-start") ids.push(event.runId)
    }
    const node = step({ name: "node" })
    await node.run(fresh(), { onEvent })
    await node.run(fresh(), { onEvent })
    await node.run(fresh(), { onEvent, runId: "mine" })
    await node.run(fresh(), { onEvent, journal: new MemoryJournal() })
    expect(ids[0]).toMatch(/^node-[0-9a-z]{6}$/)
    expect(ids[0]).not.toBe(ids[1])
    expect(ids.slice(2)).toEqual(["mine", "node"])
  })

  test.each<[object, string]>([
    [{ maxSteps: 0 }, "run: maxSteps must be a whole number of at least 1 (got 0)."],
    [{ runId: "" }, 'run: runId must be a non-empty string (got "").'],
  ])("%j is refused", async (options, message) => {
    await expect(step({ name: "node" }).run(fresh(), options)).rejects.toThrow(message)
  })

  test("core's own runtime has no clock, and says so", () => {
    expect(() => sequentialRuntime.clock.wallNow()).toThrow("has no clock")
    expect(() => sequentialRuntime.clock.setTimer(1, () => {})).toThrow("has no clock")
  })
})
