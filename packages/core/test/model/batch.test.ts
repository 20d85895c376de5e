import { describe, expect, test } from "vitest"
import {
  createDefine,
  define,
  type Executor,
  ItemError,
  type Limiter,
  type Outcome,
  sequentialRuntime,
} from "@sluice/core"
import { parallel } from "../support/parallel.ts"

interface Shared {
  items: number[]
  out?: unknown
}
const { batch } = define<Shared>()
const fresh = (items: number[] = [1, 2, 3]): Shared => ({ items })
const failOn =
  (...bad: number[]) =>
  (n: number): number => {
    if (bad.includes(n)) throw new Error(`bad ${n}`)
    return n * 10
  }

describe("sources", () => {
  test.each<[string, () => unknown]>([
    ["an array", () => [1, 2, 3]],
    ["a promise of an array", async () => [1, 2, 3]],
    ["a Set", () => new Set([1, 2, 3])],
    [
      "a generator",
      function* () {
        yield* [1, 2, 3]
      },
    ],
    [
      "an async generator",
      async function* () {
        yield* [1, 2, 3]
      },
    ],
  ])("%s", async (_name, prep) => {
    const shared = fresh()
    const double = batch({
      name: "double",
      prep: prep as () => number[],
      exec: (n) => n * 2,
      post: (state, _prepared, results) => void (state.out = results),
    })
    await double.run(shared)
    expect(shared.out).toEqual([2, 4, 6])
  })

  test.each<[string, (() => null | undefined | never[]) | undefined]>([
    ["an empty array", () => []],
    ["undefined", () => undefined],
    ["null", () => null],
    ["no prep", undefined],
  ])("%s is no items", async (_name, prep) => {
    const shared = fresh()
    const none = batch({
      name: "none",
      ...(prep && { prep: prep as () => number[] }),
      exec: (n: number) => n,
      post: (state, _prepared, results) => {
        state.out = results
        return "done"
      },
    })
    expect(await none.run(shared)).toBe("done")
    expect(shared.out).toEqual([])
  })

  test.each<[unknown, string]>([
    ["text", "returned a string"],
    [5, "returned something of type number that is not iterable"],
    [{}, "returned something of type object that is not iterable"],
  ])("%j is refused", async (source, message) => {
    const bad = batch({ name: "bad", prep: () => source as number[], exec: (n) => n })
    await expect(bad.run(fresh())).rejects.toMatchObject({
      code: "invalid-option",
      message: expect.stringContaining(message),
    })
  })

  test("are pulled one by one, never drained up front", async () => {
    const log: string[] = []
    const lazy = batch({
      name: "lazy",
      prep: function* () {
        for (const n of [1, 2]) {
          log.push(`pull ${n}`)
          yield n
        }
      },
      exec: (n) => log.push(`exec ${n}`),
    })
    await lazy.run(fresh())
    expect(log).toEqual(["pull 1", "exec 1", "pull 2", "exec 2"])
  })

  test("that throw reject the run with their own error, after what was started", async () => {
    const { define: parallelDefine, time } = parallel()
    const ended: number[] = []
    const broken = parallelDefine<Shared>().batch({
      name: "broken",
      prep: function* () {
        yield 1
        throw new Error("source")
      },
      exec: async (n) => {
        await time.sleep(5)
        ended.push(n)
      },
    })
    await expect(time.until(broken.run(fresh()))).rejects.toThrow("source")
    expect(ended).toEqual([1])
  })
})

describe("failures", () => {
  test("collect gives post every outcome, in input order", async () => {
    const shared = fresh([1, 2, 3])
    const all = batch({
      name: "all",
      prep: (state) => state.items,
      exec: failOn(2),
      onError: "collect",
      post: (state, _items, outcomes) => void (state.out = outcomes),
    })
    await all.run(shared)
    expect(shared.out).toMatchObject([
      { status: "ok", index: 0, value: 10, attempts: 1 },
      {
        status: "failed",
        index: 1,
        attempts: 1,
        error: { code: "item-failed", index: 1, errors: [{ message: "bad 2" }] },
      },
      { status: "ok", index: 2, value: 30, attempts: 1 },
    ])
    expect(
      (shared.out as Outcome<number>[]).every((each) => each.status === "ok" || ItemError.isInstance(each.error)),
    ).toBe(true)
  })

  test("a budget of failures collects until it is spent, then stops and says so", async () => {
    const started: number[] = []
    const budget = batch({
      name: "budget",
      prep: (state) => state.items,
      exec: (n) => {
        started.push(n)
        return failOn(1, 2, 4)(n)
      },
      onError: { maxFailures: 2 },
      post: (state, _items, outcomes) => void (state.out = outcomes.length),
    })
    await expect(budget.run(fresh([1, 2, 3, 4, 5]))).rejects.toMatchObject({
      code: "too-many-failures",
      details: { failures: 3, settled: 4, maxFailures: 2 },
      cause: { code: "item-failed", index: 3 },
    })
    expect(started).toEqual([1, 2, 3, 4])
    const within = fresh([1, 2, 3])
    await budget.run(within)
    expect(within.out).toBe(3)
  })

  test("a ratio counts once enough items have settled", async () => {
    const ratio = (after: number | undefined) =>
      batch({
        name: "ratio",
        prep: (state) => state.items,
        exec: (n) => {
          if (n % 2 === 0) throw new Error("even")
        },
        onError: { maxFailureRatio: 0.4, ...(after !== undefined && { after }) },
      })
    const items = Array.from({ length: 30 }, (_, i) => i)
    await expect(ratio(4).run(fresh(items))).rejects.toMatchObject({ details: { failures: 3, settled: 5 } })
    await expect(ratio(undefined).run(fresh(items))).rejects.toMatchObject({
      message: expect.stringContaining("maxFailureRatio is 0.4"),
      details: { settled: 20 + 1 },
    })
  })

  test("stop aborts what is in flight, waits for it, starts nothing more, and rejects with the ItemError", async () => {
    const { define: parallelDefine, time } = parallel()
    const log: string[] = []
    const node = parallelDefine<Shared>().batch({
      name: "node",
      prep: (state) => state.items,
      concurrency: 3,
      exec: async (n, ctx) => {
        log.push(`start ${n}`)
        if (n === 1) {
          await time.sleep(10)
          throw new Error("boom")
        }
        // Notices the abort, and needs 5 ms to leave.
        await time.sleep(100, ctx.signal).catch(() => time.sleep(5))
        log.push(`end ${n}`)
      },
    })
    const error = await time.until(node.run(fresh([0, 1, 2, 3, 4])).catch((caught: unknown) => caught))
    expect(error).toMatchObject({
      code: "item-failed",
      index: 1,
      message: 'Item 1 of "node" failed after 1 attempt: boom',
    })
    expect(log).toEqual(["start 0", "start 1", "start 2", "end 0", "end 2"])
    expect(time.now()).toBe(15)
    expect(time.pendingTimers).toBe(0)
  })

  test("the last item may be the one that stops", async () => {
    await expect(batch({ name: "last", prep: () => [1], exec: failOn(1) }).run(fresh())).rejects.toMatchObject({
      index: 0,
    })
    const { define: parallelDefine, time } = parallel()
    const last = parallelDefine<Shared>().batch({ name: "last", prep: () => [1], exec: async (n) => failOn(1)(n) })
    await expect(time.until(last.run(fresh()))).rejects.toMatchObject({ index: 0 })
  })

  test("an ItemError keeps the last 100 errors of an endless retry, and says which item in words", async () => {
    const endless = batch({
      name: "endless",
      prep: () => ["x"],
      key: (text) => text,
      retry: { maxAttempts: 130 },
      exec: (_, ctx) => {
        throw `attempt ${ctx.attempt}`
      },
    })
    const error = await endless.run(fresh()).catch((caught: unknown) => caught)
    expect(ItemError.isInstance(error) && error.errors.length).toBe(100)
    expect(error).toMatchObject({
      name: "ItemError",
      message: 'Item 0 ("x") of "endless" failed after 130 attempts: attempt 130',
      cause: "attempt 130",
      node: "endless",
    })
    expect(ItemError.isInstance(new Error("other"))).toBe(false)
  })

  test("when the fallback fails too, its error is the cause and the attempts' errors are kept", async () => {
    const lost = batch({
      name: "lost",
      prep: () => [1],
      exec: failOn(1),
      fallback: () => {
        throw new Error("fallback")
      },
    })
    await expect(lost.run(fresh())).rejects.toMatchObject({
      cause: { message: "fallback" },
      errors: [{ message: "bad 1" }],
    })
  })
})

describe("attempts belong to items (defects 1, 2, 29, 30)", () => {
  test("4 items that each fail once with 2 attempts all succeed, in parallel", async () => {
    const { define: parallelDefine, time } = parallel()
    const shared = fresh([1, 2, 3, 4])
    const node = parallelDefine<Shared>().batch({
      name: "node",
      prep: (state) => state.items,
      retry: { maxAttempts: 2, backoff: { initialMs: 10 } },
      exec: async (n, ctx) => {
        await time.sleep(n)
        if (ctx.attempt === 1) throw new Error("once")
        return n * 10
      },
      post: (state, _items, results) => void (state.out = results),
    })
    await time.until(node.run(shared))
    expect(shared.out).toEqual([10, 20, 30, 40])
  })

  test("ten always-failing items with 3 attempts and a wait are ten failures of 3 attempts each", async () => {
    const { define: parallelDefine, time } = parallel()
    const shared = fresh(Array.from({ length: 10 }, (_, i) => i))
    const tries = new Map<number, number>()
    const node = parallelDefine<Shared>().batch({
      name: "node",
      prep: (state) => state.items,
      retry: { maxAttempts: 3, backoff: { initialMs: 20 } },
      onError: "collect",
      exec: async (n) => {
        tries.set(n, (tries.get(n) ?? 0) + 1)
        await time.sleep(1)
        throw new Error(`item ${n}`)
      },
      post: (state, _items, outcomes) => void (state.out = outcomes),
    })
    await time.until(node.run(shared))
    const outcomes = shared.out as Outcome<never>[]
    expect(outcomes.map((each) => [each.index, each.status, each.attempts])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i, "failed", 3]),
    )
    expect(
      outcomes.map((each) => each.status === "failed" && ItemError.isInstance(each.error) && each.error.errors.length),
    ).toEqual(Array.from({ length: 10 }, () => 3))
    expect([...tries.values()]).toEqual(Array.from({ length: 10 }, () => 3))
  })

  test.each([1, 2, 7, 20, 50])(
    "at concurrency %i, 20 mixed items are 20 outcomes of their own",
    async (concurrency) => {
      const { define: parallelDefine, time } = parallel()
      const shared = fresh(Array.from({ length: 20 }, (_, i) => i))
      const node = parallelDefine<Shared>().batch({
        name: "node",
        prep: (state) => state.items,
        concurrency,
        onError: "collect",
        retry: { maxAttempts: 2 },
        exec: async (n, ctx) => {
          await time.sleep(20 - n)
          if (n % 5 === 0 || (n % 3 === 0 && ctx.attempt === 1)) throw new Error("x")
          return n
        },
        fallback: (n, error) => {
          if (n === 10) throw error
          return -n
        },
        post: (state, _items, outcomes) => void (state.out = outcomes),
      })
      await time.until(node.run(shared))
      const outcomes = shared.out as Outcome<number>[]
      expect(outcomes.map((each) => (each.status === "ok" ? each.value : "failed"))).toEqual(
        Array.from({ length: 20 }, (_, n) => (n === 10 ? "failed" : n % 5 === 0 ? -n : n)),
      )
    },
  )

  test("a timed-out attempt counts as an attempt, and aborts its own signal only", async () => {
    const { define: parallelDefine, time } = parallel()
    const shared = fresh([1, 2])
    const reasons: unknown[] = []
    const signals: AbortSignal[] = []
    const node = parallelDefine<Shared>().batch({
      name: "node",
      prep: (state) => state.items,
      timeoutMs: 50,
      retry: { maxAttempts: 2 },
      exec: async (n, ctx) => {
        signals.push(ctx.signal)
        await time.sleep(n === 1 && ctx.attempt === 1 ? 80 : 20, ctx.signal).catch((reason: unknown) => {
          reasons.push(reason)
          throw reason
        })
        return n
      },
      post: (state, _items, results) => void (state.out = results),
    })
    await time.until(node.run(shared))
    expect(shared.out).toEqual([1, 2])
    expect(reasons).toMatchObject([{ code: "timeout" }])
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false])
    expect(time.now()).toBe(70)
  })
})

test("one limiter bounds the whole tree: batch flows and batches do not multiply it (defect 32)", async () => {
  const { define: parallelDefine, time } = parallel()
  const kit = parallelDefine<Shared>()
  let free = 3
  const queue: (() => void)[] = []
  const limiter: Limiter = {
    admit: async () => {
      if (free === 0) await new Promise<void>((resolve) => void queue.push(resolve))
      else free--
      return {
        settle: () => {
          const next = queue.shift()
          if (next) next()
          else free++
        },
      }
    },
    tryAdmit: () => undefined,
  }
  let running = 0
  let most = 0
  let done = 0
  const leaf = kit.batch({
    name: "leaf",
    prep: () => Array.from({ length: 10 }, (_, n) => n),
    limiter,
    concurrency: 10,
    exec: async () => {
      most = Math.max(most, ++running)
      await time.sleep(1)
      running--
      done++
    },
  })
  const tens = Array.from({ length: 10 }, (_, n) => n)
  const inner = kit.batchFlow({ name: "inner", prep: () => tens.map((b) => ({ b })), flow: leaf, concurrency: 10 })
  const outer = kit.batchFlow({ name: "outer", prep: () => tens.map((a) => ({ a })), flow: inner, concurrency: 10 })
  await time.until(outer.run(fresh()))
  expect({ most, done, ms: time.now() }).toEqual({ most: 3, done: 1_000, ms: 334 })
})

describe("onOutcome", () => {
  test("takes outcomes one by one, holds the batch back, and leaves post a count", async () => {
    const log: string[] = []
    const shared = fresh([1, 2, 3])
    const sink = batch({
      name: "sink",
      prep: (state) => state.items,
      exec: (n) => {
        log.push(`exec ${n}`)
        return failOn(2)(n)
      },
      onError: "collect",
      onOutcome: async (outcome) => {
        await Promise.resolve()
        log.push(`took ${outcome.index} ${outcome.status === "ok" ? outcome.value : "failed"}`)
      },
      post: (state, _items, summary) => void (state.out = summary),
    })
    await sink.run(shared)
    expect(log).toEqual(["exec 1", "took 0 10", "exec 2", "took 1 failed", "exec 3", "took 2 30"])
    expect(shared.out).toEqual({ settled: 3, ok: 2, failed: 1 })
  })

  test("that throws stops the batch, which waits for what is in flight", async () => {
    const { define: parallelDefine, time } = parallel()
    const ended: number[] = []
    const sink = parallelDefine<Shared>().batch({
      name: "sink",
      prep: (state) => state.items,
      concurrency: 2,
      exec: async (n, ctx) => {
        await time.sleep(n * 10, ctx.signal).catch(() => time.sleep(1))
        ended.push(n)
      },
      onOutcome: () => {
        throw new Error("sink")
      },
    })
    await expect(time.until(sink.run(fresh([1, 2, 3, 4])))).rejects.toThrow("sink")
    expect(ended).toEqual([1, 2, 3])
    expect(time.pendingTimers).toBe(0)
  })

  test("gets outcomes as they complete when asked to", async () => {
    const { define: parallelDefine, time } = parallel()
    const order: number[] = []
    const kit = parallelDefine<Shared>()
    const asked = (by: "input" | "completion") =>
      kit.batch({
        name: "asked",
        prep: (state) => state.items,
        order: by,
        exec: (n) => time.sleep(n),
        onOutcome: (outcome) => void order.push(outcome.index),
      })
    await time.until(asked("completion").run(fresh([30, 20, 10])))
    await time.until(asked("input").run(fresh([30, 20, 10])))
    expect(order).toEqual([2, 1, 0, 0, 1, 2])
  })
})

test.each<[object, string]>([
  [{ concurrency: 0 }, 'batch "x": concurrency must be a whole number of at least 1 (got 0).'],
  [{ concurrency: "all" }, 'batch "x": concurrency must be a whole number of at least 1 (got "all").'],
  [{ order: "random" }, 'batch "x": order must be "input" or "completion" (got "random").'],
  [
    { onError: "ignore" },
    'batch "x": onError must be "stop", "collect" or { maxFailures, maxFailureRatio, after } (got "ignore").',
  ],
  [
    { onError: null },
    'batch "x": onError must be "stop", "collect" or { maxFailures, maxFailureRatio, after } (got null).',
  ],
  [{ onError: { maxFailures: -1 } }, 'batch "x": onError.maxFailures must be a whole number of at least 0 (got -1).'],
  [{ onError: { after: 0 } }, 'batch "x": onError.after must be a whole number of at least 1 (got 0).'],
  [{ onError: { maxFailureRatio: 40 } }, 'batch "x": onError.maxFailureRatio must be a number from 0 to 1 (got 40).'],
])("bad options are refused at construction: %j", (options, message) => {
  expect(() => batch({ name: "x", exec: () => 1, ...options })).toThrow(message)
})

test("a batch says what it is", () => {
  expect(
    batch({
      name: "x",
      exec: () => 1,
      concurrency: 3,
      order: "completion",
      onError: { maxFailures: 2 },
      retry: { maxAttempts: 2 },
    }).toJSON(),
  ).toEqual({
    kind: "batch",
    name: "x",
    options: { concurrency: 3, order: "completion", onError: { maxFailures: 2 }, maxAttempts: 2 },
  })
  expect(batch({ name: "x", exec: () => 1 }).toJSON()).toEqual({ kind: "batch", name: "x" })
})

test("post may be async", async () => {
  const node = batch({
    name: "node",
    prep: () => [1],
    concurrency: "auto",
    exec: (n) => n,
    post: async (_, __, results) => `got ${results.length}`,
  })
  expect(await node.run(fresh())).toBe("got 1")
})

test("an ItemError made by hand takes its last error for the cause", () => {
  const error = new ItemError("node", { index: 3, attempts: 2, errors: [new Error("a"), new Error("b")] })
  expect(error).toMatchObject({
    message: 'Item 3 of "node" failed after 2 attempts: b',
    cause: { message: "b" },
    key: undefined,
  })
})

describe("what core asks of the executor", () => {
  test.each<[object, object]>([
    [{}, { concurrency: "auto", order: "input" }],
    [{ concurrency: 1 }, { concurrency: 1, order: "input" }],
    [
      { concurrency: 5, order: "completion" },
      { concurrency: 5, order: "completion" },
    ],
  ])("batch options %j: %j", async (options, asked) => {
    const seen: object[] = []
    const { executor } = sequentialRuntime
    const map: Executor["map"] = (source, work, mapOptions) => {
      seen.push(mapOptions)
      return executor.map(source, work, mapOptions)
    }
    const kit = createDefine({ ...sequentialRuntime, executor: { map } })<Shared>()
    await kit.batch({ name: "node", prep: () => [1], exec: (n) => n, ...options }).run(fresh(), { priority: 3 })
    await kit
      .batchFlow({ name: "flow", prep: () => [{ n: 1 }], flow: kit.step({ name: "step" }), ...options })
      .run(fresh(), { priority: 3 })
    expect(seen).toMatchObject([
      { ...asked, priority: 3 },
      { ...asked, priority: 3 },
    ])
  })
})

describe("whatever an executor leaves to core", () => {
  const withMap = (map: Executor["map"]) => createDefine({ ...sequentialRuntime, executor: { map } })<Shared>()

  test("a stop that it does not notice, after the last item", async () => {
    const { batch: careless } = withMap(async function* (source, work, { signal }) {
      let index = 0
      for await (const item of source) {
        const scope = work.open!(item, index, signal!)
        const value = await Promise.resolve(work.attempt(item, scope)).catch((error: unknown) => error)
        const outcome =
          value instanceof Error
            ? ({ status: "failed", index, error: value, attempts: 1 } as const)
            : ({ status: "ok", index, value, attempts: 1 } as const)
        yield (await work.settled!(outcome as never, item, scope)) as never
        index++
      }
    })
    const node = careless({ name: "node", prep: () => [1], exec: async (n) => failOn(1)(n) })
    await expect(node.run(fresh())).rejects.toMatchObject({ index: 0 })
  })

  test("attempts that it does not report", async () => {
    const { batch: silent } = withMap(async function* (source, work, { signal }) {
      for await (const item of source) {
        const outcome = { status: "failed", index: 0, error: new Error("refused"), attempts: 0 } as const
        yield (await work.settled!(outcome, item, work.open!(item, 0, signal!))) as never
      }
    })
    const node = silent({ name: "node", prep: () => [1], exec: (n) => n, retry: { maxAttempts: 2 } })
    await expect(node.run(fresh())).rejects.toMatchObject({ errors: [{ message: "refused" }], attempts: 0 })
  })
})

test("a run that prep itself cancels starts no item", async () => {
  const controller = new AbortController()
  const started: number[] = []
  const node = batch({ name: "node", prep: () => (controller.abort("prep"), [1]), exec: (n) => started.push(n) })
  await expect(node.run(fresh(), { signal: controller.signal })).rejects.toBe("prep")
  expect(started).toEqual([])
})

test("a key that throws is the error of the run", async () => {
  const node = batch({
    name: "node",
    prep: () => [1],
    key: (): string => {
      throw new Error("key")
    },
    exec: failOn(1),
  })
  await expect(node.run(fresh())).rejects.toThrow("key")
})
