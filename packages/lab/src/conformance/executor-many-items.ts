import assert from "node:assert/strict"
import { AsyncLocalStorage } from "node:async_hooks"
import type { MapOptions } from "@sluice/core"
import { atOnce, collect, mapOf, numbers, ok, type ExecutorBench } from "./executor-bench.ts"
import { turns, type TestFramework } from "./framework.ts"

/** The error itself, or what it was wrapped in. */
const causedBy =
  (wanted: unknown) =>
  (error: unknown): boolean =>
    error === wanted || (error as Error).cause === wanted

/** Pulling, order, failures, ends and concurrency of a map. */
export function testManyItems(setUp: () => ExecutorBench, { describe, it }: TestFramework, parallel: boolean): void {
  describe("an executor, many items", () => {
    const many: MapOptions = { concurrency: parallel ? 4 : 1 }

    it("yields one outcome per item, in the order of the input", async () => {
      const { clock, executor, after } = setUp()
      for (const count of [0, 1, 3, 50]) {
        const work = async (item: number): Promise<number> => {
          if (parallel) await after((item * 7) % 11)
          return item * 2
        }
        const outcomes = await clock.run(collect(mapOf(executor, numbers(count), work, many)))
        assert.deepEqual(
          outcomes,
          numbers(count).map((item) => ok(item, item * 2)),
        )
      }
    })

    it("takes iterables and async iterables, and items that are nothing", async () => {
      const { clock, executor } = setUp()
      async function* later(): AsyncGenerator<number | undefined> {
        for (const item of [0, undefined, 2]) yield await Promise.resolve(item)
      }
      const outcomes = await clock.run(collect(mapOf(executor, later(), (item) => item, { concurrency: 2 })))
      assert.deepEqual(outcomes, [ok(0, 0), ok(1, undefined), ok(2, 2)])
      const set = await clock.run(collect(mapOf(executor, new Set(["a", "b"]), (item) => item, { concurrency: 1 })))
      assert.deepEqual(set, [ok(0, "a"), ok(1, "b")])
    })

    it("keeps each item's attempts and results its own", async () => {
      const { clock, executor } = setUp()
      const calls = new Map<number, number>()
      const work = async (item: number, { attempt }: { attempt: number }): Promise<string> => {
        await turns(item % 3)
        calls.set(item, (calls.get(item) ?? 0) + 1)
        if (item % 2 === 0 || attempt === 2) return `${item} done`
        throw new Error("first attempt of an odd one")
      }
      const options = { ...many, retry: { maxAttempts: 2, ...atOnce } }
      const outcomes = await clock.run(collect(mapOf(executor, numbers(20), work, options)))
      assert.deepEqual(
        outcomes,
        numbers(20).map((item) => ok(item, `${item} done`, 1 + (item % 2))),
      )
      assert.deepEqual(
        [...calls.values()].reduce((sum, count) => sum + count, 0),
        30,
      )
    })

    it("collects failures as outcomes", async () => {
      const { clock, executor } = setUp()
      const error = new Error("odd")
      const work = (item: number): number => {
        if (item % 2 === 1) throw error
        return item
      }
      const outcomes = await clock.run(collect(mapOf(executor, numbers(6), work, { ...many, onError: "collect" })))
      assert.deepEqual(
        outcomes,
        numbers(6).map((index) =>
          index % 2 === 0 ? ok(index, index) : { status: "failed", index, error, attempts: 1 },
        ),
      )
    })

    it("stops at the first failure: starts nothing more, waits for what runs, and rejects", async () => {
      const { clock, executor, after } = setUp()
      const error = new Error("third")
      let started = 0
      let running = 0
      const work = async (item: number): Promise<void> => {
        started++
        running++
        if (parallel) await after(10 + item)
        running--
        if (item === 2) throw error
      }
      await assert.rejects(clock.run(collect(mapOf(executor, numbers(100), work, many))), causedBy(error))
      assert.equal(running, 0)
      assert.ok(started <= 8, `${started} were started`)
    })

    it("stops when the budget of failures is spent", async () => {
      const { clock, executor } = setUp()
      let started = 0
      const work = (): never => {
        throw new Error(`${++started}`)
      }
      const options = { ...many, onError: { maxFailures: 5 } }
      await assert.rejects(clock.run(collect(mapOf(executor, numbers(100), work, options))), {
        code: "too-many-failures",
      })
      assert.ok(started >= 6 && started <= 12, `${started} were started`)
    })

    it("pulls: the source is never far ahead of the consumer", async () => {
      const { clock, executor } = setUp()
      let pulled = 0
      let closed = false
      function* endless(): Generator<number> {
        try {
          for (;;) yield pulled++
        } finally {
          closed = true
        }
      }
      const taken: number[] = []
      const drive = async (): Promise<void> => {
        for await (const { index } of mapOf(executor, endless(), (item) => item, many)) {
          taken.push(index)
          await turns(2)
          assert.ok(pulled - taken.length <= 64, `${pulled} pulled, ${taken.length} taken`)
          if (index === 99) break
        }
      }
      await clock.run(drive())
      await turns()
      assert.deepEqual([taken, closed], [numbers(100), true])
    })

    it("passes on an error of the source, after what runs has ended", async () => {
      const { clock, executor } = setUp()
      const error = new Error("disk gone")
      function* broken(): Generator<number> {
        yield* [0, 1, 2]
        throw error
      }
      let running = 0
      const work = async (): Promise<void> => {
        running++
        await turns(3)
        running--
      }
      await assert.rejects(clock.run(collect(mapOf(executor, broken(), work, many))), causedBy(error))
      assert.equal(running, 0)
    })

    it("is cancelled with the reason as it was given, source closed", async () => {
      const { clock, executor } = setUp()
      const controller = new AbortController()
      const reason = { why: "enough" }
      let closed = false
      function* endless(): Generator<number> {
        try {
          for (let item = 0; ; item++) yield item
        } finally {
          closed = true
        }
      }
      const work = async (item: number): Promise<void> => {
        await turns(1)
        if (item === 10) controller.abort(reason)
      }
      const map = mapOf(executor, endless(), work, { ...many, signal: controller.signal })
      await assert.rejects(clock.run(collect(map)), (error) => error === reason)
      assert.equal(closed, true)
    })

    it("keeps the caller's async context", async () => {
      const { clock, executor } = setUp()
      const storage = new AsyncLocalStorage<string>()
      const work = async (): Promise<string | undefined> => {
        await turns(1)
        return storage.getStore()
      }
      const outcomes = await storage.run("mine", () => clock.run(collect(mapOf(executor, numbers(5), work, many))))
      assert.deepEqual(
        outcomes,
        numbers(5).map((index) => ok(index, "mine")),
      )
    })

    it("runs one after the other when told so", async () => {
      const { clock, executor } = setUp()
      let running = 0
      const work = async (): Promise<void> => {
        assert.equal(++running, 1)
        await turns(2)
        running--
      }
      assert.equal((await clock.run(collect(mapOf(executor, numbers(10), work, { concurrency: 1 })))).length, 10)
    })

    if (parallel) {
      it("keeps as many running as told, no more, and refills each place as it comes free", async () => {
        const { clock, executor, after } = setUp()
        let running = 0
        let most = 0
        const work = async (item: number): Promise<void> => {
          most = Math.max(most, ++running)
          // One slow item idles no other place.
          await after(item === 0 ? 1_000 : 100)
          running--
        }
        await clock.run(collect(mapOf(executor, numbers(31), work, { concurrency: 4, order: "completion" })))
        assert.deepEqual([most, clock.now()], [4, 1_000])
      })

      it("yields as items complete when told so", async () => {
        const { clock, executor, after } = setUp()
        const work = (item: number): Promise<void> => after(100 - item)
        const map = mapOf(executor, numbers(4), work, { concurrency: 4, order: "completion" })
        assert.deepEqual(
          (await clock.run(collect(map))).map(({ index }) => index),
          [3, 2, 1, 0],
        )
      })

      it("stops what runs when the consumer leaves", async () => {
        const { clock, executor, after } = setUp()
        let stopped = 0
        const work = async (item: number, { signal }: { signal: AbortSignal }): Promise<void> => {
          if (item === 0) return
          const leave = new Promise<void>((resolve) =>
            signal.addEventListener("abort", () => {
              stopped++
              resolve()
            }),
          )
          await Promise.race([leave, after(60_000)])
        }
        const drive = async (): Promise<void> => {
          for await (const outcome of mapOf(executor, numbers(100), work, many)) {
            void outcome
            break
          }
        }
        await clock.run(drive())
        await turns()
        assert.ok(stopped >= 3, `${stopped} were stopped`)
        assert.ok(clock.now() < 60_000)
      })
    }
  })
}
