import { currentScope, SluiceError, type Outcome } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import { AsyncLocalStorage } from "node:async_hooks"
import { getEventListeners } from "node:events"
import { describe, expect, it } from "vitest"
import { parallelMap } from "../../src/map/parallel-map.ts"
import { sleep } from "../../src/runtime/sleep.ts"

const half = { next: () => 0.5 }

function* counting(to = Infinity, onPull: (n: number) => void = () => {}): Generator<number> {
  for (let i = 0; i < to; i++) {
    onPull(i)
    yield i
  }
}
async function* later<T>(source: Iterable<T>): AsyncGenerator<T> {
  yield* source
}
async function toArray<O>(outcomes: AsyncIterable<Outcome<O>>): Promise<Outcome<O>[]> {
  return Array.fromAsync(outcomes)
}
/** Values where it went well, `index!message` where it did not. */
async function summary<O>(outcomes: AsyncIterable<Outcome<O>>): Promise<unknown[]> {
  return (await toArray(outcomes)).map((each) =>
    each.status === "ok" ? each.value : `${each.index}!${(each.error as Error).message} after ${each.attempts}`,
  )
}
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("parallelMap", () => {
  it("yields one outcome per item in input order, whichever ends first", async () => {
    const clock = new VirtualClock()
    const map = parallelMap([30, 10, 20], async (ms) => (await sleep(clock, ms), `${ms}`), { concurrency: 3, clock })
    expect(await clock.run(toArray(map))).toEqual([
      { status: "ok", index: 0, value: "30", attempts: 1 },
      { status: "ok", index: 1, value: "10", attempts: 1 },
      { status: "ok", index: 2, value: "20", attempts: 1 },
    ])
  })

  it("yields by completion when asked", async () => {
    const clock = new VirtualClock()
    const map = parallelMap([30, 10, 20], async (ms) => (await sleep(clock, ms), ms), {
      concurrency: 3,
      order: "completion",
    })
    expect(await clock.run(summary(map))).toEqual([10, 20, 30])
  })

  it.each([["auto" as const], [1], [7], [Infinity]])(
    "takes sync and async sources and functions at concurrency %s",
    async (concurrency) => {
      const wanted = Array.from({ length: 100 }, (_, i) => i * 2)
      expect(await summary(parallelMap(counting(100), (n) => n * 2, { concurrency }))).toEqual(wanted)
      expect(await summary(parallelMap(later(counting(100)), async (n) => n * 2, { concurrency }))).toEqual(wanted)
      expect(await summary(parallelMap([], async (n) => n, { concurrency }))).toEqual([])
      expect(await summary(parallelMap(new Set(["a"]), (n) => n, { concurrency }))).toEqual(["a"])
    },
  )

  it("runs one after the other at concurrency 1", async () => {
    const clock = new VirtualClock()
    const log: string[] = []
    const fn = async (n: number): Promise<void> => {
      log.push(`+${n}`)
      await sleep(clock, 10)
      log.push(`-${n}`)
    }
    await clock.run(toArray(parallelMap(counting(3), fn, { concurrency: 1 })))
    expect(log).toEqual(["+0", "-0", "+1", "-1", "+2", "-2"])
  })

  it("row 9: keeps a continuous window: one slow item idles no other slot", async () => {
    const clock = new VirtualClock()
    const fn = (n: number): Promise<void> => sleep(clock, n === 0 ? 1_000 : 100)
    await clock.run(toArray(parallelMap(counting(37), fn, { concurrency: 5, clock })))
    // 36 items of 100 ms on four slots, beside the slow one.
    expect(clock.now()).toBe(1_000)
  })

  it("never runs more than concurrency, and all of it", async () => {
    const clock = new VirtualClock()
    let running = 0
    let most = 0
    const fn = async (n: number): Promise<void> => {
      most = Math.max(most, ++running)
      await sleep(clock, 1 + (n % 7))
      running--
    }
    await clock.run(toArray(parallelMap(counting(500), fn, { concurrency: 13 })))
    expect(most).toBe(13)
  })

  it("gets its workers going in few turns, and not more than there are items", async () => {
    const clock = new VirtualClock()
    let running = 0
    const fn = async (): Promise<void> => {
      running++
      await sleep(clock, 10)
    }
    const all = toArray(parallelMap(counting(1_000), fn, { concurrency: 1_000 }))
    for (let i = 0; i < 100; i++) await Promise.resolve()
    expect(running).toBe(1_000)
    await clock.run(all)
    expect(await clock.run(toArray(parallelMap(counting(3), fn, { concurrency: Infinity })))).toHaveLength(3)
  })

  it("can be resized while it runs", async () => {
    const clock = new VirtualClock()
    let running = 0
    const fn = async (): Promise<void> => {
      running++
      await sleep(clock, 10)
      running--
    }
    const map = parallelMap(counting(10_000), fn, { concurrency: 2, order: "completion" })
    const all = toArray(map)
    await clock.advance(15)
    expect(running).toBe(2)
    map.concurrency = 50
    await clock.advance(20)
    expect(running).toBe(50)
    map.concurrency = 3
    await clock.advance(20)
    expect(running).toBe(3)
    map.concurrency = 100
    expect(await clock.run(all)).toHaveLength(10_000)
    expect(() => (map.concurrency = "auto")).toThrow(
      'concurrency must be a number, as it was at the start (got "auto").',
    )
  })

  describe("pulls, never drains", () => {
    it("pulls nothing before the first outcome is asked for", () => {
      let pulled = 0
      parallelMap(
        counting(10, () => pulled++),
        (n) => n,
      )
      expect(pulled).toBe(0)
    })

    it.each([[3], ["auto" as const]])(
      "stops pulling at concurrency %s when nobody takes outcomes",
      async (concurrency) => {
        let pulled = 0
        const map = parallelMap(
          counting(Infinity, () => pulled++),
          async (n) => n,
          { concurrency },
        )
        await map.next()
        for (let i = 0; i < 50; i++) await nextTurn()
        const most = concurrency === "auto" ? 32 : 6
        expect(pulled).toBeLessThanOrEqual(most + 1)
        const before = pulled
        for (let i = 0; i < before; i++) await map.next()
        for (let i = 0; i < 50; i++) await nextTurn()
        expect(pulled).toBeGreaterThan(before + 2)
        expect(pulled).toBeLessThanOrEqual(before + most + 1)
        await map.return()
      },
    )

    it("stops pulling at the reorder window while the first item is slow, and loses nothing", async () => {
      const clock = new VirtualClock()
      let pulled = 0
      const fn = async (n: number): Promise<number> => (await sleep(clock, n === 0 ? 10_000 : 1), n)
      const map = parallelMap(
        counting(1_000, () => pulled++),
        fn,
        { concurrency: 4, reorderWindow: 20 },
      )
      const all = summary(map)
      await clock.advance(9_000)
      expect(pulled).toBe(20)
      expect(await clock.run(all)).toEqual([...counting(1_000)])
    })

    it("does not throttle 250 in flight behind one slow item with the default window", async () => {
      const clock = new VirtualClock()
      const fn = (n: number): Promise<void> => sleep(clock, n === 0 ? 60_000 : 5_000)
      await clock.run(toArray(parallelMap(counting(3_001), fn, { concurrency: 251, clock })))
      expect(clock.now()).toBe(60_000)
    })

    it("rows 7 and 8: a million items keep the heap flat", async () => {
      globalThis.gc?.()
      const before = process.memoryUsage().heapUsed
      let peak = before
      let count = 0
      for await (const outcome of parallelMap(counting(300_000), async (n) => n, { concurrency: 100 })) {
        if (outcome.status === "ok") count++
        if (count % 20_000 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed)
      }
      expect(count).toBe(300_000)
      expect((peak - before) / 2 ** 20).toBeLessThan(80)
    })
  })

  describe("onError", () => {
    const boom = new Error("boom")
    const failing = (at: number, clock: VirtualClock) => async (n: number) => {
      await sleep(clock, 10)
      if (n === at) throw boom
      return n
    }

    it("row 31: stop starts nothing after the first failure, aborts what runs, waits for it, then throws", async () => {
      const clock = new VirtualClock()
      const started: number[] = []
      let ended = 0
      const reasons: unknown[] = []
      const fn = async (n: number, { signal }: { signal: AbortSignal }): Promise<void> => {
        started.push(n)
        if (n === 3) {
          await sleep(clock, 10)
          throw boom
        }
        await sleep(clock, 1_000, signal).catch((reason: unknown) => reasons.push(reason))
        await sleep(clock, 50) // cleans up
        ended++
      }
      const error = await clock.run(toArray(parallelMap(counting(), fn, { concurrency: 10 })).catch((e: unknown) => e))
      expect(SluiceError.isInstance(error)).toBe(true)
      expect(error).toMatchObject({ code: "item-failed", cause: boom, details: { index: 3, attempts: 1 } })
      expect((error as Error).message).toBe("Item 3 failed after 1 attempt: boom")
      expect(started).toHaveLength(10)
      expect(ended).toBe(9)
      expect(reasons).toEqual(Array.from({ length: 9 }, () => error))
      expect(clock.now()).toBe(60)
    })

    it("stop yields what was finished in order before the failure, closes the source, and then is done", async () => {
      const clock = new VirtualClock()
      let closed = false
      function* source(): Generator<number> {
        try {
          yield* counting()
        } finally {
          closed = true
        }
      }
      const map = parallelMap(source(), failing(2, clock), { concurrency: 1 })
      const values: number[] = []
      await clock.run(
        (async () => {
          for await (const outcome of map) if (outcome.status === "ok") values.push(outcome.value)
        })().catch(() => undefined),
      )
      expect(values).toEqual([0, 1])
      expect(closed).toBe(true)
      expect(await map.next()).toEqual({ done: true, value: undefined })
    })

    it("collect yields failures in their place", async () => {
      const clock = new VirtualClock()
      const map = parallelMap(counting(4), failing(2, clock), { concurrency: 2, onError: "collect" })
      expect(await clock.run(toArray(map))).toMatchObject([
        { status: "ok", value: 0 },
        { status: "ok", value: 1 },
        { status: "failed", index: 2, error: boom, attempts: 1 },
        { status: "ok", value: 3 },
      ])
    })

    it("stops when the budget of failures is spent, with the numbers", async () => {
      const fn = (n: number): number => {
        if (n % 2) throw boom
        return n
      }
      const seen: unknown[] = []
      const run = async (onError: {
        maxFailures?: number
        maxFailureRatio?: number
        after?: number
      }): Promise<unknown> => {
        seen.length = 0
        try {
          for await (const outcome of parallelMap(counting(100), fn, { concurrency: 1, onError }))
            seen.push(outcome.index)
          return "all"
        } catch (error) {
          return error
        }
      }
      expect(await run({ maxFailures: 2 })).toMatchObject({
        code: "too-many-failures",
        message:
          "3 of 6 settled items failed; maxFailures is 2. The last error is the cause; fix it and run again, or raise the budget.",
        cause: boom,
      })
      expect(seen).toEqual([0, 1, 2, 3, 4, 5])
      expect(await run({ maxFailureRatio: 0.4, after: 10 })).toMatchObject({
        message:
          "5 of 10 settled items failed; maxFailureRatio is 0.4. The last error is the cause; fix it and run again, or raise the budget.",
      })
      expect(await run({ maxFailureRatio: 0.4 })).toMatchObject({ details: { settled: 20 } })
      expect(await run({ maxFailureRatio: 0.5 })).toBe("all")
      expect(await run({ maxFailures: 50 })).toBe("all")
      expect(seen).toHaveLength(100)
    })

    it("passes an error of the source on, after what came before it", async () => {
      function* source(): Generator<number> {
        yield 1
        throw boom
      }
      for (const each of [source(), later(source())]) {
        const map = parallelMap(each, async (n) => n, { concurrency: 3 })
        expect(await map.next()).toMatchObject({ value: { value: 1 } })
        await expect(map.next()).rejects.toBe(boom)
        expect(await map.next()).toEqual({ done: true, value: undefined })
      }
    })
  })

  describe("leaving and cancelling", () => {
    it("break aborts what runs, waits for it, closes the source", async () => {
      const clock = new VirtualClock()
      let closed = false
      let running = 0
      async function* source(): AsyncGenerator<number> {
        try {
          yield* counting()
        } finally {
          closed = true
        }
      }
      const fn = async (n: number, { signal }: { signal: AbortSignal }): Promise<void> => {
        running++
        await sleep(clock, n === 0 ? 1 : 1_000_000, signal).catch(() => sleep(clock, 20))
        running--
      }
      const run = async (): Promise<string> => {
        for await (const _ of parallelMap(source(), fn, { concurrency: 5 })) break
        return `running ${running}, closed ${closed}, at ${clock.now()}`
      }
      expect(await clock.run(run())).toBe("running 0, closed true, at 21")
      expect(clock.pending).toBe(0)
    })

    it("an abort rejects with its reason untouched once what runs has settled; nothing stays behind", async () => {
      const clock = new VirtualClock()
      const controller = new AbortController()
      const { signal } = controller
      let started = 0
      let running = 0
      const fn = async (_n: number, context: { signal: AbortSignal }): Promise<void> => {
        started++
        running++
        try {
          await sleep(clock, 1_000, context.signal)
        } finally {
          running--
        }
      }
      const map = parallelMap(counting(), fn, { concurrency: 8, signal })
      const ended = toArray(map).catch((error: unknown) => ({ error, running, at: clock.now() }))
      await clock.advance(100)
      expect(getEventListeners(signal, "abort")).toHaveLength(1)
      const reason = { why: "the user left" }
      controller.abort(reason)
      const end = (await clock.run(ended)) as { error: unknown }
      expect(end).toEqual({ error: reason, running: 0, at: 100 })
      expect(end.error).toBe(reason)
      expect(started).toBe(8)
      expect(getEventListeners(signal, "abort")).toHaveLength(0)
      expect(clock.pending).toBe(0)
    })

    it("aborted before: pulls nothing and rejects", async () => {
      let pulled = 0
      const signal = AbortSignal.abort("no")
      await expect(
        toArray(
          parallelMap(
            counting(5, () => pulled++),
            (n) => n,
            { signal },
          ),
        ),
      ).rejects.toBe("no")
      expect(pulled).toBe(0)
    })

    it("does not wait for a source that never answers", async () => {
      const clock = new VirtualClock()
      const controller = new AbortController()
      const silent: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
      const ended = toArray(parallelMap(silent, (n) => n, { signal: controller.signal }))
      const rejects = expect(ended).rejects.toBe("enough")
      await clock.advance(1)
      controller.abort("enough")
      await clock.run(rejects)
    })

    it("an abort also ends the taking of what lies ready", async () => {
      const controller = new AbortController()
      const map = parallelMap(counting(), async (n) => n, { concurrency: 5, signal: controller.signal })
      await map.next()
      for (let i = 0; i < 20; i++) await nextTurn()
      controller.abort("enough")
      await expect(map.next()).rejects.toBe("enough")
      expect(await map.next()).toEqual({ done: true, value: undefined })
    })

    it("starts nothing with an item that comes after the abort", async () => {
      const clock = new VirtualClock()
      const controller = new AbortController()
      const started: number[] = []
      async function* slow(): AsyncGenerator<number> {
        for (const n of counting(5)) {
          await sleep(clock, 100)
          yield n
        }
      }
      const map = parallelMap(slow(), (n) => started.push(n), { signal: controller.signal })
      const ended = toArray(map).catch((error: unknown) => error)
      await clock.advance(150)
      controller.abort("enough")
      expect(await ended).toBe("enough")
      await clock.advance(1_000)
      expect(started).toEqual([0])
    })

    it("left before it began: pulls nothing and is done", async () => {
      let pulled = 0
      const map = parallelMap(
        counting(5, () => pulled++),
        (n) => n,
      )
      expect(await map.return()).toEqual({ done: true, value: undefined })
      expect(await map.next()).toEqual({ done: true, value: undefined })
      expect(pulled).toBe(0)
    })

    it("several next() at once get one outcome each, and the rest the end", async () => {
      const map = parallelMap([1, 2], async (n) => n, { concurrency: 2 })
      const results = await Promise.all([map.next(), map.next(), map.next(), map.next()])
      expect(results.map((each) => (each.done ? "end" : each.value.index))).toEqual([0, 1, "end", "end"])
    })

    it("ends nested maps with the item around them, without plumbing", async () => {
      const clock = new VirtualClock()
      const controller = new AbortController()
      let inner = 0
      const outer = parallelMap(
        [1],
        () => toArray(parallelMap([1, 2], (_n, { signal }) => (inner++, sleep(clock, 1_000, signal)))),
        { signal: controller.signal },
      )
      const ended = toArray(outer).catch((error: unknown) => [error, clock.now()])
      await clock.advance(5)
      controller.abort("out")
      expect(await clock.run(ended)).toEqual(["out", 5])
      expect(inner).toBe(2)
      expect(clock.pending).toBe(0)
    })
  })

  describe("attempts", () => {
    const flaky =
      (failures: number, calls = new Map<number, number>()) =>
      (n: number): number => {
        const call = (calls.get(n) ?? 0) + 1
        calls.set(n, call)
        if (call <= failures) throw new Error(`try ${call}`)
        return n * 10
      }
    const retry = { maxAttempts: 3, backoff: { initialMs: 100, jitter: "none" } } as const

    it.each([1, 2, 4, "auto" as const])(
      "rows 1, 29, 30: attempts belong to the item at concurrency %s",
      async (concurrency) => {
        const clock = new VirtualClock()
        const all = (failures: number): Promise<unknown[]> =>
          clock.run(
            summary(
              parallelMap(counting(10), flaky(failures), {
                concurrency,
                retry,
                clock,
                random: half,
                onError: "collect",
              }),
            ),
          )
        expect(await all(2)).toEqual([...counting(10)].map((n) => n * 10))
        expect(await all(3)).toEqual([...counting(10)].map((n) => `${n}!try 3 after 3`))
      },
    )

    it("row 2: a result belongs to its call, whatever ends when", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ ms: fc.nat(50), failures: fc.nat(3) }), { maxLength: 30 }),
          fc.constantFrom<(number | "auto")[]>(1, 2, 5, 100, "auto"),
          fc.constantFrom("input" as const, "completion" as const),
          fc.boolean(),
          async (items, concurrency, order, isAsync) => {
            const clock = new VirtualClock()
            const tries = items.map(() => 0)
            const source = items.map((item, index) => ({ ...item, index }))
            const fn = async (
              { ms, failures, index }: (typeof source)[number],
              context: { attempt: number; index: number },
            ) => {
              tries[index]!++
              if (context.attempt !== tries[index] || context.index !== index)
                throw new Error("context of another item")
              await sleep(clock, ms)
              if (context.attempt <= failures) throw new Error("failed")
              return index
            }
            const map = parallelMap(isAsync ? later(source) : source, fn, {
              concurrency,
              order,
              retry,
              clock,
              random: half,
              onError: "collect",
            })
            const outcomes = await clock.run(toArray(map))
            const inOrder = outcomes.toSorted((a, b) => a.index - b.index)
            if (order === "input") expect(outcomes).toEqual(inOrder)
            expect(inOrder.map((each) => each.index)).toEqual(items.map((_, i) => i))
            for (const each of inOrder) {
              const { failures } = items[each.index]!
              expect(each.attempts).toBe(Math.min(3, failures + 1))
              expect(each.status === "ok" ? each.value : "failed").toBe(failures < 3 ? each.index : "failed")
            }
            expect(clock.pending).toBe(0)
          },
        ),
        { numRuns: 200 },
      )
    })

    it("asks retryIf, and believes an error that says it is final", async () => {
      const clock = new VirtualClock()
      const tell: string[] = []
      const run = (error: unknown, retryIf?: (error: unknown, attempt: number) => boolean): Promise<unknown[]> => {
        const fn = (): never => {
          throw error
        }
        const onAttempt = (event: { attempt: number; error?: unknown }): unknown =>
          tell.push(`${event.attempt} ${"error" in event}`)
        return clock.run(
          summary(
            parallelMap([0], fn, {
              retry: { ...retry, ...(retryIf && { retryIf }) },
              clock,
              onError: "collect",
              onAttempt,
            }),
          ),
        )
      }
      expect(await run(Object.assign(new Error("x"), { retryable: false }))).toEqual(["0!x after 1"])
      expect(await run(new TypeError("other side closed"))).toEqual(["0!other side closed after 3"])
      expect(await run(new Error("y"), (_error, attempt) => attempt < 2)).toEqual(["0!y after 2"])
      expect(tell).toEqual(["1 true", "1 true", "2 true", "3 true", "1 true", "2 true"])
    })

    it("a retryIf that throws is the item's failure, not silence", async () => {
      const bug = new Error("bug in retryIf")
      const retryIf = (): never => {
        throw bug
      }
      const map = parallelMap([0], flaky(9), { retry: { ...retry, retryIf }, onError: "collect" })
      expect(await toArray(map)).toMatchObject([{ status: "failed", error: bug, attempts: 1 }])
    })

    it("row 5: waits the delay that an error carries, however long", async () => {
      const clock = new VirtualClock()
      const startedAt: number[] = []
      const fn = (): string => {
        startedAt.push(clock.now())
        if (startedAt.length === 1) throw Object.assign(new Error("busy"), { retryAfterMs: 90_000 })
        return "ok"
      }
      expect(await clock.run(summary(parallelMap([0], fn, { retry, clock, random: half })))).toEqual(["ok"])
      expect(startedAt).toEqual([0, 90_000])
    })

    it("row 4: an abort during the backoff settles at once", async () => {
      const clock = new VirtualClock()
      const controller = new AbortController()
      const map = parallelMap([0], flaky(9), { retry, clock, random: half, signal: controller.signal })
      const ended = toArray(map).catch((error: unknown) => [error, clock.now()])
      await clock.advance(20)
      controller.abort("now")
      expect(await ended).toEqual(["now", 20])
      expect(clock.pending).toBe(0)
    })

    it("limits each attempt in time, even one that ignores its signal, and aborts that attempt's signal only", async () => {
      const clock = new VirtualClock()
      const signals: AbortSignal[] = []
      const fn = (_n: number, { attempt, signal }: { attempt: number; signal: AbortSignal }): Promise<string> => {
        signals.push(signal)
        expect(currentScope()?.signal).toBe(signal)
        return attempt === 3 ? Promise.resolve("at last") : new Promise(() => {})
      }
      const map = parallelMap([0], fn, { retry, timeoutMs: 1_000, clock, random: half })
      expect(await clock.run(toArray(map))).toMatchObject([{ value: "at last", attempts: 3 }])
      expect(clock.now()).toBe(1_000 + 100 + 1_000 + 200)
      expect(signals.map((signal) => signal.aborted)).toEqual([true, true, false])
      expect(signals[0]!.reason).toMatchObject({
        code: "timeout",
        message: "Attempt 1 at item 0 took longer than 1000 ms.",
      })
      expect(clock.pending).toBe(0)
    })

    it("an attempt that is cut off and one that is cancelled leave no timer and no listener", async () => {
      const clock = new VirtualClock()
      const controller = new AbortController()
      const fn = (_n: number, { signal }: { signal: AbortSignal }): Promise<void> => sleep(clock, 500, signal)
      const map = parallelMap([0, 1, 2], fn, { timeoutMs: 1_000, clock, signal: controller.signal })
      const ended = toArray(map).catch((error: unknown) => error)
      await clock.advance(100)
      controller.abort("stop")
      expect(await clock.run(ended)).toBe("stop")
      expect(clock.pending).toBe(0)
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0)
    })

    it("what onAttempt throws is the item's failure, not silence", async () => {
      const bug = new Error("bug in onAttempt")
      const onAttempt = (): never => {
        throw bug
      }
      const fails = (): never => {
        throw new Error("of its own")
      }
      for (const fn of [(n: number): number => n, fails]) {
        const map = parallelMap([0, 1], fn, { onAttempt, concurrency: 1, onError: "collect" })
        expect(await toArray(map)).toMatchObject([
          { status: "failed", index: 0, error: bug, attempts: 1 },
          { status: "failed", index: 1, error: bug, attempts: 1 },
        ])
      }
    })

    it("falls back when attempts are spent; a fallback that fails is the item's failure", async () => {
      const clock = new VirtualClock()
      const options = { retry, clock, random: half, onError: "collect" } as const
      const fallback = (n: number, error: unknown, { attempt }: { attempt: number }): number => {
        if (n === 1) throw new Error("no way")
        return (error as Error).message === "try 3" ? -attempt : 0
      }
      expect(await clock.run(summary(parallelMap([0, 1], flaky(3), { ...options, fallback })))).toEqual([
        -3,
        "1!no way after 3",
      ])
    })
  })

  describe("context", () => {
    it("the caller's async context survives into every item and attempt, and no item sees another's", async () => {
      const storage = new AsyncLocalStorage<string>()
      const clock = new VirtualClock()
      const seen: string[] = []
      const see = (n: number): void => void seen.push(`${n}: ${storage.getStore()}`)
      const fn = async (n: number): Promise<void> => {
        see(n)
        storage.enterWith(`item ${n}`)
        await sleep(clock, n)
        see(n)
        if (n % 3 === 0) throw new Error("again")
      }
      const map = storage.run("caller", () =>
        parallelMap(counting(20), fn, {
          concurrency: 3,
          clock,
          random: half,
          retry: { maxAttempts: 2 },
          onError: "collect",
        }),
      )
      await clock.run(storage.run("consumer", () => toArray(map)))
      const allowed = [...counting(20)].flatMap((n) => [`${n}: caller`, `${n}: item ${n}`])
      expect(new Set(seen)).toEqual(new Set(allowed))
    })

    it("the source is pulled in the caller's async context too, whoever makes room", async () => {
      const storage = new AsyncLocalStorage<string>()
      const seen = new Set<string | undefined>()
      const source = counting(50, () => seen.add(storage.getStore()))
      const map = storage.run("caller", () => parallelMap(source, (n) => n))
      await storage.run("consumer", () => toArray(map))
      expect([...seen]).toEqual(["caller"])
    })

    it("names each item's scope and hands priority down", async () => {
      const sites: unknown[] = []
      const look = (): void => void sites.push([currentScope()?.site, currentScope()?.priority])
      const inner = async (): Promise<void> => {
        look()
        await toArray(parallelMap([0], look, { concurrency: 1 }))
      }
      await toArray(parallelMap([0, 1], inner, { priority: 5, timeoutMs: 9_999 }))
      expect(sites).toEqual([
        ["parallelMap[0]", 5],
        ["parallelMap[0][0]", 5],
        ["parallelMap[1]", 5],
        ["parallelMap[1][0]", 5],
      ])
    })
  })

  it.each([
    [{ concurrency: 0 }, "concurrency must be a whole number of at least 1 (got 0)."],
    [{ concurrency: 2.5 }, "concurrency must be a whole number of at least 1 (got 2.5)."],
    [{ concurrency: "many" as "auto" }, 'concurrency must be a whole number of at least 1 (got "many").'],
    [{ order: "random" as "input" }, 'order must be "input" or "completion" (got "random").'],
    [
      { onError: "ignore" as "stop" },
      'onError must be "stop", "collect" or { maxFailures, maxFailureRatio, after } (got "ignore").',
    ],
    [{ onError: { maxFailureRatio: 2 } }, "onError.maxFailureRatio must be a number from 0 to 1 (got 2)."],
    [{ onError: { maxFailures: -1 } }, "onError.maxFailures must be a whole number of at least 0 (got -1)."],
    [{ reorderWindow: 0 }, "reorderWindow must be a whole number of at least 1 (got 0)."],
    [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts must be a whole number of at least 1 (got 0)."],
    [{ retry: { maxAttempts: 2, backoff: { factor: 0 } } }, "retry.backoff.factor must be a number from 1 up (got 0)."],
    [{ timeoutMs: Number.NaN }, "timeoutMs must be a number of milliseconds from 0 up (got NaN)."],
    [{ cost: () => ({}) }, "limiter must be given when cost is: nothing else charges it (got undefined)."],
  ])("refuses %o, naming the option", (options, message) => {
    expect(() => parallelMap([1], (n) => n, options)).toThrow(message)
  })
})
