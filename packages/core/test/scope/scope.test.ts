import { Readable } from "node:stream"
import { describe, expect, test, vi } from "vitest"
import {
  countInScope,
  currentScope,
  define,
  type ItemWork,
  type MapOptions,
  runInScope,
  Scope,
  sequentialExecutor,
  type SluiceEvent,
} from "@sluice/core"
import { parallel } from "../support/parallel.ts"

const { step, batch, batchFlow, flow } = define<{ log: unknown[] }>()
const fresh = (): { log: unknown[] } => ({ log: [] })
const site = (): string | undefined => currentScope()?.site

describe("the context of an item travels with it", () => {
  test("through timers, streams, events and third-party promises", async () => {
    const sites = new Map<number, (string | undefined)[]>()
    const { define: parallelDefine, time } = parallel()
    const node = parallelDefine<object>().batch({
      name: "node",
      prep: () => [0, 1, 2],
      exec: async (n) => {
        const seen = [site()]
        sites.set(n, seen)
        await new Promise<void>((resolve) => void setTimeout(resolve, 1))
        seen.push(site())
        for await (const _ of Readable.from([1, 2])) seen.push(site())
        // oxlint-disable-next-line unicorn/no-thenable -- a third party's promise
        await { then: (resolve: (value: unknown) => void) => void setImmediate(resolve, 1) }
        seen.push(site())
        queueMicrotask(() => seen.push(site()))
        await new Promise<void>((resolve) => process.nextTick(resolve))
        await time.sleep(3 - n)
        seen.push(site())
      },
    })
    const run = node.run({})
    // Real timers and virtual time side by side: let the real ones go first.
    await vi.waitFor(() => expect([...sites.values()].every((seen) => seen.length >= 6) && sites.size === 3).toBe(true))
    await time.until(run)
    expect([...sites].map(([n, seen]) => [n, [...new Set(seen)]])).toEqual([0, 1, 2].map((n) => [n, [`node[${n}]`]]))
  })

  test("names where it is, in nested flows", async () => {
    const { define: parallelDefine, time } = parallel()
    const kit = parallelDefine<object>()
    const sites: (string | undefined)[] = []
    const note = (): void => void sites.push(site())
    const app = kit.flow({
      name: "app",
      nodes: {
        first: kit.step({ name: "first", exec: note }),
        each: kit.batchFlow({
          name: "each",
          prep: () => [{ f: 1 }],
          flow: kit.flow({
            name: "sub",
            nodes: {
              inner: kit.step({ name: "inner", exec: note }),
              tried: kit.step({ name: "tried", exec: note, retry: { maxAttempts: 2 } }),
            },
            start: "inner",
            edges: { inner: { default: "tried" } },
          }),
        }),
        items: kit.batch({ name: "items", prep: () => [1], exec: note }),
      },
      start: "first",
      edges: { first: { default: "each" }, each: { default: "items" } },
    })
    await time.until(app.run({}))
    expect(sites).toEqual(["app/first", "app/each[0]/sub/inner", "app/each[0]/sub/tried", "app/items[0]"])
    sites.length = 0
    await time.until(app.run({}, { onEvent: () => {} }))
    expect(sites).toEqual(["app/first", "app/each[0]/sub/inner", "app/each[0]/sub/tried", "app/items[0]"])
  })

  test("names the step that a batch flow is of, whether or not somebody listens", async () => {
    const each = batchFlow({
      name: "each",
      prep: () => [{ f: 1 }],
      flow: step({ name: "inner", post: (shared) => void shared.log.push(site()) }),
    })
    const shared = fresh()
    await each.run(shared)
    await each.run(shared, { onEvent: () => {} })
    expect(shared.log).toEqual(["each[0]/inner", "each[0]/inner"])
  })

  test("tells an item of a step in a flow from the steps around it", async () => {
    const spans: unknown[] = []
    const note = (): void => void spans.push(currentScope()?.spanId)
    const steps = {
      first: step({ name: "first", exec: note, retry: { maxAttempts: 2 } }),
      plain: step({ name: "plain" }),
      last: step({ name: "last", exec: note, retry: { maxAttempts: 2 } }),
    }
    const edges = { first: { default: "plain" }, plain: { default: "last" } } as const
    await flow({ name: "app", nodes: steps, start: "first", edges }).run(fresh())
    // The flow is 1.
    expect(spans).toEqual([2, 4])
  })

  test("carries run, span, priority, signal and spend, so that a call deep inside is attributed to its item", async () => {
    const events: SluiceEvent[] = []
    const controller = new AbortController()
    const node = batch({
      name: "node",
      prep: () => [1],
      retry: { maxAttempts: 1 },
      exec: () => {
        const scope = currentScope()
        scope?.spend?.({ usd: 2 })
        return {
          runId: scope?.runId,
          spanId: scope?.spanId,
          priority: scope?.priority,
          aborted: scope?.signal?.aborted,
        }
      },
      post: (shared, _, results) => void shared.log.push(...results),
    })
    const shared = fresh()
    await node.run(shared, {
      onEvent: (event) => events.push(event),
      runId: "r",
      priority: 4,
      signal: controller.signal,
    })
    const item = events.find((event) => event.type === "item-start")
    expect(shared.log).toEqual([{ runId: "r", spanId: item?.spanId, priority: 4, aborted: false }])
    expect(events.find((event) => event.type === "usage")).toMatchObject({ cost: { usd: 2 }, spanId: item?.spanId })
  })

  test("an item that waits deep inside a sub-flow waits for every scope around it", async () => {
    const counts: unknown[] = []
    const outer = { parent: undefined, site: "outer", waiting: 0, holding: 0, onChange: vi.fn<() => void>() }
    const app = batchFlow({
      name: "app",
      prep: () => [{ n: 1 }],
      flow: flow({
        name: "sub",
        nodes: {
          work: step({
            name: "work",
            retry: { maxAttempts: 2 },
            exec: () => {
              countInScope(currentScope(), "waiting", 1)
              countInScope(currentScope(), "resting", 1)
              counts.push(outer.waiting)
              countInScope(currentScope(), "waiting", -1)
            },
          }),
        },
        start: "work",
      }),
    })
    await runInScope(outer, () => app.run(fresh()))
    expect(counts).toEqual([1])
    expect(outer.waiting).toBe(0)
    expect(outer.onChange).toHaveBeenCalledTimes(3)
  })

  test("outside a run there is none", () => {
    expect(currentScope()).toBeUndefined()
    countInScope(undefined, "holding", 1)
  })
})

test("without AsyncLocalStorage (browsers) the context travels by argument, and everything else works", async () => {
  const host = globalThis.process
  const slot = Symbol.for("sluice.task-scope") as never
  const kept = (globalThis as never)[slot]
  vi.resetModules()
  try {
    delete (globalThis as never)[slot]
    Object.defineProperty(globalThis, "process", { value: undefined, configurable: true, writable: true })
    const alone = await import("../../src/index.ts")
    expect(alone.currentScope()).toBeUndefined()
    const node = alone.define<object>().batch({ name: "node", prep: () => [1, 2], exec: (n, ctx) => n + ctx.index })
    expect(await node.run({})).toBe("default")
  } finally {
    Object.defineProperty(globalThis, "process", { value: host, configurable: true, writable: true })
    ;(globalThis as never as Record<symbol, unknown>)[slot] = kept
    vi.resetModules()
  }
})

describe("the sequential executor by itself", () => {
  const collect = async <T>(outcomes: AsyncIterable<T>): Promise<T[]> => {
    const all: T[] = []
    for await (const outcome of outcomes) all.push(outcome)
    return all
  }
  type Work = ItemWork<number, number>
  const one = async (item: number, index: number, work: Work, options: MapOptions = {}): Promise<unknown> => {
    const parent = currentScope()
    const open: Work["open"] = (_item, _at, signal) => new Scope(parent, index, signal)
    const [outcome] = await collect(
      sequentialExecutor.map([item], { open, ...work }, { onError: "collect", ...options }),
    )
    return outcome
  }
  const half = (n: number): number => {
    if (n % 2 === 1) throw new Error(`odd ${n}`)
    return n / 2
  }

  test("stops at the first failure by default, collects, or spends a budget", async () => {
    await expect(collect(sequentialExecutor.map([0, 1, 2], { attempt: half }, {}))).rejects.toThrow("odd 1")
    expect(
      (await collect(sequentialExecutor.map([0, 1, 2], { attempt: half }, { onError: "collect" }))).map(
        ({ status }) => status,
      ),
    ).toEqual(["ok", "failed", "ok"])
    await expect(
      collect(sequentialExecutor.map([1, 3, 5], { attempt: half }, { onError: { maxFailures: 1 } })),
    ).rejects.toMatchObject({
      code: "too-many-failures",
      details: { settled: 2 },
    })
  })

  test("rejects with the signal's reason at every point", async () => {
    const controller = new AbortController()
    const reason = { because: "of the test" }
    const signal = controller.signal
    const abort = (): number => {
      controller.abort(reason)
      return 1
    }
    await expect(collect(sequentialExecutor.map([1, 2], { attempt: abort }, { signal }))).rejects.toBe(reason)
    await expect(collect(sequentialExecutor.map([1, 2], { attempt: abort }, { signal }))).rejects.toBe(reason)
    await expect(one(1, 0, { attempt: abort }, { signal })).rejects.toBe(reason)
    const second = new AbortController()
    const fallback = (): never => {
      second.abort(reason)
      throw new Error("fallback")
    }
    await expect(one(1, 0, { attempt: half, policy: { fallback } }, { signal: second.signal })).rejects.toBe(reason)
    const third = new AbortController()
    const fail = (): never => {
      third.abort(reason)
      throw new Error("exec")
    }
    await expect(one(1, 0, { attempt: fail }, { signal: third.signal })).rejects.toBe(reason)
  })

  test("closes the source when the consumer leaves", async () => {
    let closed = false
    const source = function* (): Generator<number> {
      try {
        yield* [0, 2, 4]
      } finally {
        closed = true
      }
    }
    for await (const outcome of sequentialExecutor.map(source(), { attempt: half }, {})) if (outcome.index === 1) break
    expect(closed).toBe(true)
  })

  test("needs no signal, and takes a limiter without a cost", async () => {
    const limiter = { admit: async () => ({ settle: () => {} }), tryAdmit: () => undefined }
    expect(await one(4, 3, { attempt: half, policy: { limiter } })).toEqual({
      status: "ok",
      index: 3,
      value: 2,
      attempts: 1,
    })
    expect(await one(1, 3, { attempt: half, policy: { retry: { maxAttempts: 2 } } })).toMatchObject({
      status: "failed",
      attempts: 2,
    })
  })
})
