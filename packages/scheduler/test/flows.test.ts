import { createDefine, type Define, ItemError, type Outcome, type SluiceEvent } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { abortAt, plan, runPlan, traceText } from "../../core/test/support/random-flow.ts"
import { parallelExecutor } from "../src/runtime/executor.ts"
import { semaphore } from "../src/limiters/semaphore.ts"
import { sleep } from "../src/runtime/sleep.ts"

const half = { next: () => 0.5 }

/** `define` as the `sluice` package binds it, under virtual time. */
function virtual(): { readonly clock: VirtualClock; readonly define: Define } {
  const clock = new VirtualClock()
  return { clock, define: createDefine({ clock, random: half, executor: parallelExecutor(clock, half) }) }
}

describe("random flows on the parallel executor", () => {
  const executorOn = (time: Parameters<typeof parallelExecutor>[0]) => parallelExecutor(time, half)

  it("settle every item once, run nothing after the run has settled, and let a cancel out untouched", async () => {
    const ends = new Set<string>()
    await fc.assert(
      fc.asyncProperty(plan, abortAt, async (root, abortAtMs) => {
        const { wrong, ended } = await runPlan(root, abortAtMs, executorOn)
        ends.add(ended)
        expect(wrong).toEqual([])
      }),
      { numRuns: 300 },
    )
    expect([...ends].toSorted()).toEqual(["cancelled", "failed", "ok"])
  })

  it("have the same trace for the same seed", async () => {
    await fc.assert(
      fc.asyncProperty(plan, abortAt, async (root, abortAtMs) => {
        const once = await runPlan(root, abortAtMs, executorOn)
        expect(traceText(await runPlan(root, abortAtMs, executorOn))).toBe(traceText(once))
      }),
      { numRuns: 100 },
    )
  })
})

describe("defects of peers, in a batch of a flow", () => {
  interface Shared {
    outcomes?: readonly Outcome<number>[]
  }
  const twenty = Array.from({ length: 20 }, (_, n) => n)

  it.each([1, 7, 20, "auto" as const])(
    "rows 1, 29, 30: attempts are the item's own, and as many outcomes as items, at concurrency %s",
    async (concurrency) => {
      const { clock, define } = virtual()
      const node = define<Shared>().batch({
        name: "node",
        prep: () => twenty,
        concurrency,
        onError: "collect",
        retry: { maxAttempts: 3, backoff: { initialMs: 50 } },
        exec: async (n, ctx) => {
          await sleep(clock, 20 - n)
          if (n % 4 === 0 || (n % 3 === 0 && ctx.attempt < 3)) throw new Error(`item ${n}, attempt ${ctx.attempt}`)
          return n
        },
        post: (shared, _, outcomes) => void (shared.outcomes = outcomes),
      })
      const shared: Shared = {}
      await clock.run(node.run(shared))
      expect(shared.outcomes?.map(({ index, status, attempts }) => [index, status, attempts])).toEqual(
        twenty.map((n) => [n, n % 4 === 0 ? "failed" : "ok", n % 4 === 0 || n % 3 === 0 ? 3 : 1]),
      )
      for (const each of shared.outcomes ?? []) {
        if (each.status === "ok") expect(each.value).toBe(each.index)
        else expect(ItemError.isInstance(each.error) && each.error.errors).toHaveLength(3)
      }
    },
  )

  it("row 2: three runs of one node at a time each get their own results", async () => {
    const { clock, define } = virtual()
    const node = define<{ n: number; out?: number[] }>().batch({
      name: "node",
      prep: ({ n }) => [n, n + 1],
      retry: { maxAttempts: 2 },
      exec: async (n, ctx) => {
        await sleep(clock, 10 - n)
        if (ctx.attempt === 1) throw new Error("once")
        return n * 10
      },
      post: (shared, _, results) => void (shared.out = results),
    })
    const runs: { n: number; out?: number[] }[] = [{ n: 1 }, { n: 2 }, { n: 3 }]
    await clock.run(Promise.all(runs.map((shared) => node.run(shared))))
    expect(runs.map(({ out }) => out)).toEqual([
      [10, 20],
      [20, 30],
      [30, 40],
    ])
  })

  it("row 9: one slow item idles no other slot", async () => {
    const { clock, define } = virtual()
    const ends: number[] = []
    const node = define<object>().batch({
      name: "node",
      prep: () => twenty,
      concurrency: 4,
      exec: async (n) => {
        await sleep(clock, n === 0 ? 190 : 30)
        ends.push(n)
      },
    })
    await clock.run(node.run({}))
    // 19 items of 30 ms in the three other slots: 7 rounds, the last of one item.
    expect(clock.now()).toBe(210)
    expect(ends.indexOf(0)).toBe(18)
  })

  it("row 22: a node inside an item of a node with the same limiter borrows its place; asking by hand is an error", async () => {
    const { clock, define } = virtual()
    const limiter = semaphore({ limit: 1 })
    const kit = define<object>()
    let inner = 0
    const below = kit.batch({
      name: "below",
      prep: () => [1, 2],
      limiter,
      exec: async () => void (await sleep(clock, 1), inner++),
    })
    const above = kit.batch({ name: "above", prep: () => [1, 2, 3], limiter, exec: () => below.run({}) })
    await clock.run(above.run({}))
    expect(inner).toBe(6)
    const again = kit.batch({ name: "again", prep: () => [1], limiter, exec: () => limiter.admit() })
    await expect(clock.run(again.run({}))).rejects.toMatchObject({ cause: { code: "limiter-reentry" } })
    expect(limiter.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("row 31: nothing is started after the failure that stops", async () => {
    const { clock, define } = virtual()
    const started: number[] = []
    const node = define<object>().batch({
      name: "node",
      prep: () => twenty,
      concurrency: 3,
      exec: async (n, { signal }) => {
        started.push(n)
        await sleep(clock, n === 1 ? 5 : 50, signal)
        if (n === 1) throw new Error("one")
      },
    })
    await expect(clock.run(node.run({}))).rejects.toMatchObject({ code: "item-failed", index: 1 })
    expect(started).toEqual([0, 1, 2])
    expect(clock.now()).toBe(5)
  })

  it("row 32: one semaphore or one quota bounds a flow of flows of items", async () => {
    for (const limiterOn of [
      () => semaphore({ limit: 3 }),
      (clock: VirtualClock) => awakeQuota({ concurrency: 3, clock, random: half }),
    ]) {
      const { clock, define } = virtual()
      const limiter = limiterOn(clock)
      const kit = define<object>()
      let running = 0
      let most = 0
      let done = 0
      const leaf = kit.batch({
        name: "leaf",
        prep: () => twenty.slice(0, 10),
        concurrency: 10,
        limiter,
        exec: async () => {
          most = Math.max(most, ++running)
          await sleep(clock, 1)
          running--
          done++
        },
      })
      const inner = kit.batchFlow({
        name: "inner",
        prep: () => twenty.map((b) => ({ b })),
        flow: leaf,
        concurrency: 10,
      })
      const outer = kit.batchFlow({ name: "outer", prep: () => [{ a: 1 }, { a: 2 }], flow: inner, concurrency: 2 })
      await clock.run(outer.run({}))
      expect({ most, done }).toEqual({ most: 3, done: 400 })
    }
  })
})

it("three stages of 100 ms over 1,000 items at 100 each take 1.2 s, not 3 s", async () => {
  const { clock, define } = virtual()
  const { batch, pipeline } = define<{ out?: number[] }>()
  const stage = async (n: number): Promise<number> => (await sleep(clock, 100), n + 1)
  const line = pipeline([
    batch({ name: "a", prep: () => Array.from({ length: 1_000 }, (_, n) => n), concurrency: 100, exec: stage }),
    batch({ name: "b", concurrency: 100, exec: stage }),
    batch({ name: "c", concurrency: 100, exec: stage, post: (shared, _, results) => void (shared.out = results) }),
  ])
  const shared: { out?: number[] } = {}
  await clock.run(line.run(shared))
  expect(shared.out).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 3))
  expect(clock.now()).toBe(1_200)
})

it("a slow onOutcome holds the source back", async () => {
  const { clock, define } = virtual()
  let pulled = 0
  let taken = 0
  let ahead = 0
  const node = define<object>().batch({
    name: "node",
    prep: function* () {
      while (pulled < 200) {
        ahead = Math.max(ahead, ++pulled - taken)
        yield pulled
      }
    },
    concurrency: 4,
    exec: async (n) => (await sleep(clock, 1), n),
    onOutcome: async () => {
      await sleep(clock, 10)
      taken++
    },
  })
  await clock.run(node.run({}))
  expect(taken).toBe(200)
  // Four in flight, four that are finished, one at the sink.
  expect(ahead).toBeLessThanOrEqual(9)
  expect(clock.now()).toBe(2_001)
})

describe("a cancel reaches every wait, at once and with its reason", () => {
  const reason = { because: "of the test" }
  it.each(["backoff", "admission", "exec", "onOutcome"] as const)("%s", async (where) => {
    const { clock, define } = virtual()
    const kit = define<object>()
    const limiter = semaphore({ limit: 1 })
    const taken = where === "admission" ? await limiter.admit() : undefined
    const controller = new AbortController()
    const events: SluiceEvent[] = []
    const leaf = kit.batch({
      name: "leaf",
      prep: () => [1, 2],
      limiter,
      retry: { maxAttempts: 3, backoff: { initialMs: 10_000, jitter: "none" } },
      exec: async (_, { signal }) => {
        if (where === "backoff") throw new Error("again")
        if (where === "exec") await sleep(clock, 10_000, signal)
      },
      onOutcome: () => {
        if (where === "onOutcome") return sleep(clock, 1_000, controller.signal)
      },
    })
    const app = kit.batchFlow({ name: "app", prep: () => [{ f: 1 }, { f: 2 }], flow: leaf })
    clock.setTimer(100, () => controller.abort(reason))
    const run = app.run({}, { signal: controller.signal, onEvent: (event) => events.push(event) })
    await expect(clock.run(run)).rejects.toBe(reason)
    expect(clock.now()).toBe(100)
    taken?.settle({ outcome: "success" })
    expect(limiter.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
    expect(events.at(-1)).toMatchObject({ type: "run-end", status: "cancelled", error: reason })
  })
})

it("waiting, admission and settling are events of the item that calls", async () => {
  const { clock, define } = virtual()
  const events: SluiceEvent[] = []
  const onEvent = (event: SluiceEvent): void => void events.push(event)
  const limiter = awakeQuota({ concurrency: 1, clock, random: half, onEvent })
  const node = define<object>().batch({ name: "node", prep: () => [1, 2], limiter, exec: () => sleep(clock, 10) })
  await clock.run(node.run({}, { onEvent }))
  const items = events.filter((event) => event.type === "item-start").map(({ spanId }) => spanId)
  const spansOf = (type: SluiceEvent["type"]): unknown[] =>
    events.filter((event) => event.type === type).map((event) => "spanId" in event && event.spanId)
  expect(spansOf("permit-admit")).toEqual(items)
  expect(spansOf("permit-settle")).toEqual(items)
  expect(spansOf("permit-wait")).toEqual([items[1]])
})
