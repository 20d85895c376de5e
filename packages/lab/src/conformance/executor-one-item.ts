import assert from "node:assert/strict"
import type { Permit, RetryOptions } from "@sluice/core"
import { atOnce, ok, oneOf, type ExecutorBench } from "./executor-bench.ts"
import { turns, watch, type TestFramework } from "./framework.ts"

/** Attempts, fallback, cancel, permits and time of one item. */
export function testOneItem(setUp: () => ExecutorBench, { describe, it }: TestFramework, parallel: boolean): void {
  describe("an executor, one item", () => {
    it("answers how the item ended, also with nothing-like values", async () => {
      const { clock, executor } = setUp()
      for (const value of [undefined, null, 0, "", false, Number.NaN]) {
        assert.deepEqual(await clock.run(oneOf(executor, "item", 7, () => value, {})), ok(7, value))
      }
      const boom = new Error("boom")
      const failed = await clock.run(oneOf(executor, "item", 7, () => Promise.reject(boom), {}))
      assert.deepEqual(failed, { status: "failed", index: 7, error: boom, attempts: 1 })
    })

    it("tries as often as told, counting from 1, and tells of each attempt", async () => {
      const { clock, executor } = setUp()
      const seen: [number, number, boolean][] = []
      const told: [number, boolean][] = []
      const outcome = await clock.run(
        oneOf(
          executor,
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
          oneOf(executor, "item", 0, fail, {
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
        oneOf(executor, "item", 1, work, {
          retry,
          fallback: (item, error, { attempt }) => [item, error === boom, attempt],
        }),
      )
      assert.deepEqual(rescued, ok(1, ["item", true, 2], 2))
      const worse = new Error("worse")
      const lost = await clock.run(oneOf(executor, "item", 1, work, { retry, fallback: () => Promise.reject(worse) }))
      assert.deepEqual(lost, { status: "failed", index: 1, error: worse, attempts: 2 })
    })

    it("is cancelled with the reason as it was given", async () => {
      const { executor } = setUp()
      const controller = new AbortController()
      const reason = { why: "enough" }
      let calls = 0
      const running = watch(
        oneOf(
          executor,
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
      const never = watch(oneOf(executor, "item", 0, () => calls++, { signal: AbortSignal.abort(reason) }))
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
          return { settle: ({ outcome }) => log.push(outcome) }
        },
      }
      await clock.run(
        oneOf(
          executor,
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
          oneOf(
            executor,
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
          oneOf(executor, "item", 0, () => Promise.reject(new Error(`${atMs.push(clock.now())}`)), {
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
}
