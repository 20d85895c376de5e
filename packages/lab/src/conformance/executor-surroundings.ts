import assert from "node:assert/strict"
import { currentScope, Scope, type AdmitOptions, type ItemWork, type Outcome } from "@sluice/core"
import { atOnce, collect, mapOf, numbers, ok, type ExecutorBench } from "./executor-bench.ts"
import { turns, type TestFramework } from "./framework.ts"

/** What surrounds an item: its scope, what is known of it, what is done when it has settled or is dropped. */
export function testSurroundings(setUp: () => ExecutorBench, { describe, it }: TestFramework, parallel: boolean): void {
  describe("an executor, what surrounds an item", () => {
    const many = { concurrency: parallel ? 4 : 1 } as const

    it("asks first what is known, which stands in for the item and is not settled again", async () => {
      const { clock, executor } = setUp()
      const log: string[] = []
      for (const isLate of [false, true]) {
        log.length = 0
        const work: ItemWork<number, string> = {
          known: (item, scope) => {
            log.push(`known ${item} ${scope.index}`)
            const found = item % 2 === 0 ? (ok(scope.index, "known", 7) as Outcome<string>) : undefined
            return isLate ? turns(2).then(() => found) : found
          },
          attempt: (item) => {
            log.push(`attempt ${item}`)
            return "done"
          },
          settled: (_outcome, item) => void log.push(`settled ${item}`),
        }
        const outcomes = await clock.run(collect(executor.map([0, 1], work, { concurrency: 1 })))
        assert.deepEqual(outcomes, [ok(0, "known", 7), ok(1, "done")])
        assert.deepEqual(log, ["known 0 0", "known 1 1", "attempt 1", "settled 1"])
      }
    })

    it("hands an outcome over, and the slot on, only when it has settled, and as settling returned it", async () => {
      const { clock, executor } = setUp()
      const log: string[] = []
      const work: ItemWork<number, number> = {
        attempt: (item) => {
          log.push(`attempt ${item}`)
          if (item === 1) throw new Error("odd")
          return item
        },
        settled: async (outcome, item) => {
          await turns(3)
          log.push(`settled ${item}`)
          return outcome.status === "failed" ? { ...outcome, error: "named" } : undefined
        },
      }
      const drive = async (): Promise<void> => {
        for await (const { index } of executor.map([0, 1], work, { concurrency: 1, onError: "collect" })) {
          log.push(`taken ${index}`)
        }
      }
      await clock.run(drive())
      const at = (name: string): number => log.indexOf(name)
      assert.ok(at("settled 0") < at("attempt 1") && at("settled 0") < at("taken 0"), log.join())
      assert.ok(at("settled 1") < at("taken 1"), log.join())
      const again = await clock.run(collect(executor.map([1], work, { concurrency: 1, onError: "collect" })))
      assert.deepEqual(again, [{ status: "failed", index: 0, error: "named", attempts: 1 }])
    })

    it("ends with what known or settled threw, untouched, and tells which item that left open", async () => {
      const { clock, executor } = setUp()
      for (const where of ["known", "settled"] as const) {
        for (const isLate of [false, true]) {
          const disk = { disk: "full" }
          const dropped: unknown[] = []
          const fail = async (): Promise<undefined> => {
            await turns(1)
            throw disk
          }
          const failAtOnce = (): undefined => {
            throw disk
          }
          const work: ItemWork<number, number> = {
            attempt: (item) => item,
            [where]: isLate ? fail : failAtOnce,
            dropped: (reason, item, { index }) => void dropped.push([reason, item, index]),
          }
          const map = executor.map([5, 6, 7], work, { concurrency: 1, onError: "collect" })
          await assert.rejects(clock.run(collect(map)), (error) => error === disk)
          assert.deepEqual(dropped, [[disk, 5, 0]])
        }
      }
    })

    it("drops what is in flight when it is cancelled", async () => {
      const { clock, executor } = setUp()
      const controller = new AbortController()
      const reason = { why: "enough" }
      const dropped: unknown[] = []
      let settled = 0
      const work: ItemWork<number, void> = {
        attempt: async (item) => {
          await turns(1)
          if (item < 3) return
          controller.abort(reason)
          throw new Error("because of the abort")
        },
        settled: () => void settled++,
        dropped: (why, item) => void dropped.push([why, item]),
      }
      const map = executor.map(numbers(4), work, { ...many, signal: controller.signal })
      await assert.rejects(clock.run(collect(map)), (error) => error === reason)
      assert.deepEqual([dropped, settled], [[[reason, 3]], 3])
    })

    it("runs attempts and the fallback in the scope that was opened, whose index the outcome has", async () => {
      const { clock, executor } = setUp()
      const root = currentScope()
      const seen: unknown[] = []
      const note = (context: object): void => {
        const scope = currentScope()!
        const { attempt, index } = context as Scope
        seen.push([
          scope === context,
          attempt,
          index,
          (scope as Scope).item.site,
          (scope as Scope).item.parent === root,
        ])
      }
      const work: ItemWork<string, string> = {
        open: (_item, index, signal) => new Scope(root, 10 + index, signal),
        attempt: async (_item, context) => {
          note(context)
          await turns(1)
          assert.equal(currentScope(), context)
          throw new Error("again")
        },
        policy: {
          retry: { maxAttempts: 2, ...atOnce },
          fallback: (_item, _error, context) => {
            note(context)
            return "rescued"
          },
        },
      }
      const outcomes = await clock.run(collect(executor.map(["a"], work, many)))
      assert.deepEqual(outcomes, [ok(10, "rescued", 2)])
      const site = "parallelMap[10]"
      assert.deepEqual(seen, [
        [true, 1, 10, site, true],
        [true, 2, 10, site, true],
        [true, 2, 10, site, true],
      ])
    })

    it("asks the limiter for the item's key", async () => {
      const { clock, executor } = setUp()
      const keys: unknown[] = []
      const limiter = {
        isKeyed: true,
        tryAdmit: () => undefined,
        admit: async (_cost?: object, options?: AdmitOptions) => {
          keys.push(options?.tenant)
          return { settle: () => {} }
        },
      } as const
      const limiterKey = (item: string): string => item.toUpperCase()
      await clock.run(collect(mapOf(executor, ["a", "b"], (item) => item, { concurrency: 1, limiter, limiterKey })))
      assert.deepEqual(keys, ["A", "B"])
    })
  })
}
