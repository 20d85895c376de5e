import assert from "node:assert/strict"
import type { Limiter, Permit } from "@sluice/core"
import { callable, checkOptions, flag } from "@sluice/core/internal"
import { seededRandom } from "../clock/seeded-random.ts"
import { turns, watch, type TestFramework, type Watched } from "./framework.ts"

export interface LimiterPromises {
  /** Waiters of one key are admitted in the order in which they asked. Default true. */
  readonly fifo?: boolean
  /** A waiter leaves as soon as its signal is aborted. Default true. */
  readonly abort?: boolean
  /** `tryAdmit` admits when there is room. Default true; `false`: it may answer `undefined` always. */
  readonly tryAdmit?: boolean
  /** Resolves once a freed place has reached who waits for it. Default: after some turns of the event loop. */
  readonly settled?: () => Promise<void>
}

/**
 * Whether a limiter keeps the contract of a limiter: `create(n)` makes one that lets `n` calls run at once.
 * Runs without a clock: a limiter of concurrency has nothing to wait for but permits.
 *
 * @example
 * ```ts no-run
 * testLimiter((concurrency) => createQuota({ concurrency }), { describe, it })
 * ```
 */
export function testLimiter(
  create: (concurrency: number) => Limiter | Promise<Limiter>,
  { describe, it }: TestFramework,
  promises: LimiterPromises = {},
): void {
  checkOptions("testLimiter", promises, { fifo: flag, abort: flag, tryAdmit: flag, settled: callable })
  const { fifo = true, abort = true, tryAdmit = true, settled = turns } = promises
  const held = async (limiter: Limiter, count: number): Promise<Permit[]> =>
    await Promise.all(Array.from({ length: count }, async () => await limiter.admit()))
  const waiting = (limiter: Limiter, count: number): Watched<Permit>[] =>
    Array.from({ length: count }, () => watch(limiter.admit()))
  const admitted = (waiters: readonly Watched<Permit>[]): number[] =>
    waiters.flatMap(({ state }, index) => (state === "resolved" ? [index] : []))

  describe("a limiter", () => {
    it("lets so many run at once and no more", async () => {
      const limiter = await create(3)
      await held(limiter, 3)
      const more = waiting(limiter, 2)
      await settled()
      assert.deepEqual(admitted(more), [])
    })

    it("hands each freed place to one waiter", async () => {
      const limiter = await create(2)
      const [first, second] = await held(limiter, 2)
      const waiters = waiting(limiter, 3)
      first?.settle({ outcome: "success" })
      await settled()
      assert.equal(admitted(waiters).length, 1)
      second?.settle({ outcome: "ignored" })
      await settled()
      assert.equal(admitted(waiters).length, 2)
    })

    if (fifo) {
      it("admits in the order of asking", async () => {
        const limiter = await create(1)
        let [permit] = await held(limiter, 1)
        const waiters = waiting(limiter, 5)
        for (let turn = 0; turn < 5; turn++) {
          permit?.settle({ outcome: "success" })
          await settled()
          assert.deepEqual(admitted(waiters), [0, 1, 2, 3, 4].slice(0, turn + 1))
          permit = waiters[turn]?.value
        }
      })
    }

    it("counts a permit's end once", async () => {
      const limiter = await create(1)
      const [permit] = await held(limiter, 1)
      const waiters = waiting(limiter, 2)
      permit?.settle({ outcome: "success" })
      permit?.settle({ outcome: "success" })
      permit?.settle({ outcome: "ignored" })
      await settled()
      assert.equal(admitted(waiters).length, 1)
    })

    it("tryAdmit never waits and never exceeds", async () => {
      const limiter = await create(2)
      const permits = [limiter.tryAdmit(), limiter.tryAdmit()].filter((permit) => permit !== undefined)
      if (tryAdmit) assert.equal(permits.length, 2)
      permits.push(...(await held(limiter, 2 - permits.length)))
      assert.equal(limiter.tryAdmit(), undefined)
      const waiters = waiting(limiter, 1)
      permits[0]?.settle({ outcome: "success" })
      // The place belongs to who waits, not to a newcomer in the same tick.
      assert.equal(limiter.tryAdmit(), undefined)
      await settled()
      assert.deepEqual(admitted(waiters), [0])
    })

    if (abort) {
      it("lets a waiter leave at once, with the reason as it was given", async () => {
        const limiter = await create(1)
        const [permit] = await held(limiter, 1)
        const controller = new AbortController()
        const leaver = watch(limiter.admit({}, { signal: controller.signal }))
        const [stayer] = waiting(limiter, 1)
        const reason = { why: "changed my mind" }
        controller.abort(reason)
        await turns(2)
        assert.equal(leaver.state, "rejected")
        assert.equal(leaver.reason, reason)
        permit?.settle({ outcome: "success" })
        await settled()
        assert.equal(stayer?.state, "resolved")
      })

      it("admits nobody whose signal is aborted already, and loses no place by it", async () => {
        const limiter = await create(1)
        const reason = new Error("too late")
        await assert.rejects(limiter.admit({}, { signal: AbortSignal.abort(reason) }), (error) => error === reason)
        await held(limiter, 1)
      })

      it("leaves a permit alone when its signal is aborted after admission", async () => {
        const limiter = await create(1)
        const controller = new AbortController()
        const permit = await limiter.admit({}, { signal: controller.signal })
        const [waiter] = waiting(limiter, 1)
        controller.abort()
        await settled()
        assert.equal(waiter?.state, "pending")
        permit.settle({ outcome: "ignored" })
        await settled()
        assert.equal(waiter.state, "resolved")
      })
    }

    it("has every permit back after any mix of ends and aborts", async () => {
      for (let seed = 1; seed <= 30; seed++) {
        const random = seededRandom(seed)
        const limiter = await create(3)
        let running = 0
        let most = 0
        const call = async (): Promise<void> => {
          const controller = new AbortController()
          const permit = limiter.admit({}, abort ? { signal: controller.signal } : {})
          if (abort && random.next() < 0.3)
            void turns(Math.floor(random.next() * 4)).then(() => controller.abort("left"))
          const got = await permit.catch(() => undefined)
          if (!got) return
          most = Math.max(most, ++running)
          await turns(Math.floor(random.next() * 3))
          running--
          got.settle({ outcome: random.next() < 0.7 ? "success" : "ignored" })
        }
        const all = watch(Promise.all(Array.from({ length: 20 }, call)))
        for (let round = 0; round < 200 && all.state === "pending"; round++) await settled()
        assert.equal(all.state, "resolved", `seed ${seed}: ${running} run, and who waits is never admitted`)
        assert.ok(most <= 3, `seed ${seed}: ${most} ran at once`)
        const again = waiting(limiter, 4)
        await settled()
        assert.equal(admitted(again).length, 3, `seed ${seed}: places left`)
      }
    })
  })
}
