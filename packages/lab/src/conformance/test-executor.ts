import assert from "node:assert/strict"
import { AsyncLocalStorage } from "node:async_hooks"
import type { Clock, Executor, MapOptions, Outcome, Permit, Random, RetryOptions } from "@sluice/core"
import { seededRandom } from "../seeded-random.ts"
import { VirtualClock } from "../virtual-clock.ts"
import { turns, watch, type TestFramework } from "./framework.ts"

export interface ExecutorPromises {
  /** Runs items at once, has time limits and waits between attempts. Default true; `false`: one after the other, no clock. */
  readonly parallel?: boolean
}

const atOnce: Pick<RetryOptions, "backoff"> = { backoff: { initialMs: 0 } }

/**
 * Whether an executor keeps the contract: one outcome per item, attempts that belong to their item, a source that is pulled,
 * and an end that is clean however it comes. Runs on a virtual clock.
 *
 * @example
 * ```ts
 * testExecutor(({ clock, random }) => parallelExecutor(clock, random), { describe, it })
 * ```
 */
export function testExecutor(
  create: (ports: { readonly clock: Clock; readonly random: Random }) => Executor,
  { describe, it }: TestFramework,
  { parallel = true }: ExecutorPromises = {},
): void {
  const setUp = (): { clock: VirtualClock; executor: Executor; after: (ms: number) => Promise<void> } => {
    const clock = new VirtualClock()
    const executor = create({ clock, random: seededRandom(1) })
    return { clock, executor, after: (ms) => new Promise((resolve) => void clock.setTimer(ms, resolve)) }
  }
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
  async function collect<O>(outcomes: AsyncIterable<Outcome<O>>, into: Outcome<O>[] = []): Promise<Outcome<O>[]> {
    for await (const outcome of outcomes) into.push(outcome)
    return into
  }
  const ok = (index: number, value: unknown, attempts = 1): unknown => ({ status: "ok", index, value, attempts })
  /** The error itself, or what it was wrapped in. */
  const causedBy = (wanted: unknown) => (error: unknown) => error === wanted || (error as Error).cause === wanted

  describe("an executor, one item", () => {
    it("answers how the item ended, also with nothing-like values", async () => {
      const { clock, executor } = setUp()
      for (const value of [undefined, null, 0, "", false, Number.NaN]) {
        assert.deepEqual(await clock.run(executor.run("item", 7, () => value, {})), ok(7, value))
      }
      const boom = new Error("boom")
      const failed = await clock.run(executor.run("item", 7, () => Promise.reject(boom), {}))
      assert.deepEqual(failed, { status: "failed", index: 7, error: boom, attempts: 1 })
    })

    it("tries as often as told, counting from 1, and tells of each attempt", async () => {
      const { clock, executor } = setUp()
      const seen: [number, number, boolean][] = []
      const told: [number, boolean][] = []
      const outcome = await clock.run(
        executor.run(
          "item",
          3,
          (_item, { index, attempt, signal }) => {
            seen.push([index, attempt, signal.aborted])
            if (attempt < 3) throw new Error(`no ${attempt}`)
            return "yes"
          },
          {
            retry: { maxAttempts: 5, ...atOnce },
            onAttempt: (event) => told.push([event.attempt, "error" in event && event.error !== undefined]),
          },
        ),
      )
      assert.deepEqual(outcome, ok(3, "yes", 3))
      assert.deepEqual(seen, [
        [3, 1, false],
        [3, 2, false],
        [3, 3, false],
      ])
      assert.deepEqual(told, [
        [1, true],
        [2, true],
        [3, false],
      ])
    })

    it("fails when its attempts are spent, and stops early where a retry is pointless", async () => {
      const { clock, executor } = setUp()
      const attemptsOf = async (error: unknown, retry: Omit<RetryOptions, "backoff">): Promise<number> => {
        const fail = (): never => {
          throw error
        }
        const outcome = await clock.run(
          executor.run("item", 0, fail, {
            retry: { ...retry, ...atOnce },
          }),
        )
        assert.equal(outcome.status, "failed")
        return outcome.attempts
      }
      assert.equal(await attemptsOf(new Error("again"), { maxAttempts: 4 }), 4)
      assert.equal(await attemptsOf("no error object", { maxAttempts: 2 }), 2)
      assert.equal(await attemptsOf(Object.assign(new Error("never"), { retryable: false }), { maxAttempts: 4 }), 1)
      assert.equal(
        await attemptsOf(new Error("twice"), { maxAttempts: 4, retryIf: (_error, attempt) => attempt < 2 }),
        2,
      )
    })

    it("lets the fallback answer when attempts are spent, and fails with the fallback's own error", async () => {
      const { clock, executor } = setUp()
      const boom = new Error("boom")
      const work = (): never => {
        throw boom
      }
      const retry = { maxAttempts: 2, ...atOnce }
      const rescued = await clock.run(
        executor.run("item", 1, work, {
          retry,
          fallback: (item, error, { attempt }) => [item, error === boom, attempt],
        }),
      )
      assert.deepEqual(rescued, ok(1, ["item", true, 2], 2))
      const worse = new Error("worse")
      const lost = await clock.run(executor.run("item", 1, work, { retry, fallback: () => Promise.reject(worse) }))
      assert.deepEqual(lost, { status: "failed", index: 1, error: worse, attempts: 2 })
    })

    it("is cancelled with the reason as it was given", async () => {
      const { executor } = setUp()
      const controller = new AbortController()
      const reason = { why: "enough" }
      let calls = 0
      const running = watch(
        executor.run(
          "item",
          0,
          async (_item, { signal }) => {
            calls++
            await new Promise((_resolve, reject) =>
              signal.addEventListener("abort", () => reject(new Error("stopped"))),
            )
          },
          { signal: controller.signal, retry: { maxAttempts: 5, ...atOnce }, fallback: () => undefined },
        ),
      )
      await turns()
      controller.abort(reason)
      await turns()
      assert.deepEqual([running.state, running.reason === reason, calls], ["rejected", true, 1])
      const never = watch(executor.run("item", 0, () => calls++, { signal: AbortSignal.abort(reason) }))
      await turns()
      assert.deepEqual([never.state, never.reason === reason, calls], ["rejected", true, 1])
    })

    it("admits each attempt with its cost, and gives each permit back", async () => {
      const { clock, executor } = setUp()
      const log: string[] = []
      const limiter = {
        tryAdmit: () => undefined,
        admit: async (cost?: object): Promise<Permit> => {
          log.push(`admit ${JSON.stringify(cost)}`)
          return { settle: (outcome) => log.push(outcome) }
        },
      }
      await clock.run(
        executor.run(
          "abc",
          0,
          (_item, { attempt }) => {
            log.push(`attempt ${attempt}`)
            if (attempt === 1) throw new Error("once")
          },
          { limiter, cost: (item) => ({ inputTokens: item.length }), retry: { maxAttempts: 2, ...atOnce } },
        ),
      )
      const cost = 'admit {"inputTokens":3}'
      assert.deepEqual(log, [cost, "attempt 1", "ignored", cost, "attempt 2", "success"])
    })

    if (parallel) {
      it("ends an attempt that takes too long, and counts it", async () => {
        const { clock, executor, after } = setUp()
        let aborted = 0
        const outcome = await clock.run(
          executor.run(
            "item",
            0,
            async (_item, { attempt, signal }) => {
              signal.addEventListener("abort", () => aborted++)
              await after(attempt < 3 ? 60_000 : 10)
              return attempt
            },
            { timeoutMs: 1_000, retry: { maxAttempts: 3, ...atOnce } },
          ),
        )
        assert.deepEqual([outcome, aborted], [ok(0, 3, 3), 2])
        assert.ok(clock.now() < 3_000)
      })

      it("waits between attempts within the backoff, and leaves the wait at once when cancelled", async () => {
        const { clock, executor } = setUp()
        const atMs: number[] = []
        const controller = new AbortController()
        const backoff = { initialMs: 1_000, factor: 2, maxMs: 3_000, jitter: "none" } as const
        const running = watch(
          executor.run("item", 0, () => Promise.reject(new Error(`${atMs.push(clock.now())}`)), {
            retry: { maxAttempts: 9, backoff },
            signal: controller.signal,
          }),
        )
        await clock.advance(9_500)
        assert.deepEqual(atMs, [0, 1_000, 3_000, 6_000, 9_000])
        controller.abort("bye")
        await turns()
        assert.deepEqual([running.state, running.reason, clock.pending], ["rejected", "bye", 0])
      })
    }
  })

  describe("an executor, many items", () => {
    const many: MapOptions<number, unknown> = { concurrency: parallel ? 4 : 1 }

    it("yields one outcome per item, in the order of the input", async () => {
      const { clock, executor, after } = setUp()
      for (const count of [0, 1, 3, 50]) {
        const work = async (item: number): Promise<number> => {
          if (parallel) await after((item * 7) % 11)
          return item * 2
        }
        const outcomes = await clock.run(collect(executor.map(numbers(count), work, many)))
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
      const outcomes = await clock.run(collect(executor.map(later(), (item) => item, { concurrency: 2 })))
      assert.deepEqual(outcomes, [ok(0, 0), ok(1, undefined), ok(2, 2)])
      const set = await clock.run(collect(executor.map(new Set(["a", "b"]), (item) => item, { concurrency: 1 })))
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
      const outcomes = await clock.run(collect(executor.map(numbers(20), work, options)))
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
      const outcomes = await clock.run(collect(executor.map(numbers(6), work, { ...many, onError: "collect" })))
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
      await assert.rejects(clock.run(collect(executor.map(numbers(100), work, many))), causedBy(error))
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
      await assert.rejects(clock.run(collect(executor.map(numbers(100), work, options))), { code: "too-many-failures" })
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
        for await (const { index } of executor.map(endless(), (item) => item, many)) {
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
      await assert.rejects(clock.run(collect(executor.map(broken(), work, many))), causedBy(error))
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
      const map = executor.map(endless(), work, { ...many, signal: controller.signal })
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
      const outcomes = await storage.run("mine", () => clock.run(collect(executor.map(numbers(5), work, many))))
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
      assert.equal((await clock.run(collect(executor.map(numbers(10), work, { concurrency: 1 })))).length, 10)
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
        await clock.run(collect(executor.map(numbers(31), work, { concurrency: 4, order: "completion" })))
        assert.deepEqual([most, clock.now()], [4, 1_000])
      })

      it("yields as items complete when told so", async () => {
        const { clock, executor, after } = setUp()
        const work = (item: number): Promise<void> => after(100 - item)
        const map = executor.map(numbers(4), work, { concurrency: 4, order: "completion" })
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
          for await (const outcome of executor.map(numbers(100), work, many)) {
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
