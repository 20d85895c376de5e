import assert from "node:assert/strict"
import { SluiceError, type Clock, type Limiter, type Permit, type Random } from "@sluice/core"
import { limiterContestant } from "../scenarios/limiter-contestant.ts"
import { runScenario, type ContestantEnv } from "../scenarios/run-scenario.ts"
import type { ToldQuota } from "../scenarios/scenario.ts"
import { scenarioNamed } from "../scenarios/scenarios.ts"
import { seededRandom } from "../clock/seeded-random.ts"
import { VirtualClock } from "../clock/virtual-clock.ts"
import { turns, watch, type TestFramework } from "./framework.ts"

/** Makes a limiter that is told this much, and has nothing to learn besides. */
export type CreateQuota = (options: ToldQuota & { readonly clock: Clock; readonly random: Random }) => Limiter

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    SluiceError.isInstance(error) && error.code === code

/**
 * Whether a limiter of rates keeps the contract: all dimensions at once, first in first out, the vendor's word, and time used
 * to the full, against vendors that count as it was told. Everything runs on a virtual clock.
 *
 * @example
 * ```ts no-run
 * testQuota((options) => createQuota(options), { describe, it })
 * ```
 */
export function testQuota(create: CreateQuota, { describe, it }: TestFramework): void {
  const setUp = (told: ToldQuota): { clock: VirtualClock; quota: Limiter } => {
    const clock = new VirtualClock({ startMs: 5_000 })
    return { clock, quota: create({ ...told, clock, random: seededRandom(1) }) }
  }
  const fromEnv = ({ told, clock, random }: ContestantEnv): Limiter => create({ ...told, clock, random })
  const bucket = (limit: number, burst = limit): { limit: number; kind: "bucket"; burst: number } => ({
    limit,
    kind: "bucket",
    burst,
  })

  describe("a quota", () => {
    for (const name of ["requests-bind", "tokens-bind", "full-minute", "told-slices", "told-sliding", "told-fixed"]) {
      it(`is never refused, and within 3 % of the oracle: ${name}`, async () => {
        for (const seed of [1, 2, 3]) {
          const result = await runScenario(scenarioNamed(name), limiterContestant(fromEnv), { seed })
          const { error, refused, lost, repeated, ratio } = result
          assert.deepEqual({ error, refused, lost, repeated }, { error: undefined, refused: 0, lost: 0, repeated: 0 })
          assert.ok(ratio <= 1.03, `seed ${seed}: ${ratio.toFixed(3)} of the oracle's time`)
        }
      })
    }

    it("takes every dimension at once or none", async () => {
      const { quota } = setUp({ requestsPerMinute: bucket(60, 3.5), inputTokensPerMinute: bucket(1_200, 1_000) })
      await quota.admit({ inputTokens: 900 }, { tenant: "a" })
      const blocked = watch(quota.admit({ inputTokens: 900 }, { tenant: "a" }))
      // Two requests are left, for others: who waits for tokens holds none.
      const others = [0, 1].map(() => watch(quota.admit({}, { tenant: "b" })))
      await turns()
      assert.deepEqual([blocked.state, ...others.map(({ state }) => state)], ["pending", "resolved", "resolved"])
    })

    it("gives back what was not used, and collects what was used beyond", async () => {
      const { clock, quota } = setUp({ inputTokensPerMinute: bucket(60_000, 10_000) })
      const permit = await quota.admit({ inputTokens: 9_000 })
      const next = watch(quota.admit({ inputTokens: 8_000 }))
      permit.settle({ outcome: "success", actual: { inputTokens: 500 } })
      await turns()
      assert.equal(next.state, "resolved")
      next.value?.settle({ outcome: "success", actual: { inputTokens: 20_000 } })
      const last = watch(quota.admit({ inputTokens: 1_000 }))
      await clock.advance(11_000)
      assert.equal(last.state, "pending")
      await clock.advance(1_000)
      assert.equal(last.state, "resolved")
    })

    it("refuses at once what can never fit, in numbers", async () => {
      const { clock, quota } = setUp({ inputTokensPerMinute: bucket(60_000, 10_000) })
      const refused = assert.rejects(quota.admit({ inputTokens: 70_000 }), (error) => {
        assert.ok(hasCode("cost-exceeds-limit")(error), String(error))
        assert.match((error as Error).message, /70,?000/)
        return true
      })
      await clock.run(refused)
      assert.deepEqual([clock.now(), clock.pending], [5_000, 0])
    })

    it("refuses at once a deadline that cannot be met", async () => {
      const { clock, quota } = setUp({ inputTokensPerMinute: bucket(60_000, 10_000) })
      await quota.admit({ inputTokens: 9_000 })
      const tooLate = quota.admit({ inputTokens: 9_000 }, { maxWaitMs: 2_000 })
      await clock.run(assert.rejects(tooLate, hasCode("deadline-unreachable")))
      assert.equal(clock.now(), 5_000)
      await clock.run(quota.admit({ inputTokens: 9_000 }, { maxWaitMs: 20_000 }))
    })

    it("admits in the order of asking, large behind small and small behind large", async () => {
      const { clock, quota } = setUp({ inputTokensPerMinute: bucket(60_000, 10_000) })
      await quota.admit({ inputTokens: 9_000 })
      const order: number[] = []
      const costs = [9_000, 10, 5_000, 9_000, 10, 10]
      const all = costs.map(async (inputTokens, index) => {
        const permit = await quota.admit({ inputTokens })
        order.push(index)
        permit.settle({ outcome: "success", actual: { inputTokens } })
      })
      await clock.run(Promise.all(all))
      assert.deepEqual(order, [0, 1, 2, 3, 4, 5])
    })

    it("shares among tenants: one call of another does not wait for a hundred", async () => {
      const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 2) })
      const order: string[] = []
      const ask = async (key: string): Promise<void> => {
        const permit = await quota.admit({}, { tenant: key })
        order.push(key)
        permit.settle({ outcome: "success" })
      }
      const crowd = Array.from({ length: 100 }, () => ask("crowd"))
      await turns()
      await clock.run(Promise.all([...crowd, ask("single")]))
      assert.ok(order.indexOf("single") < 10, `admitted after ${order.indexOf("single")} others`)
    })

    it("closes for everybody as long as the vendor says, then sends one ahead", async () => {
      const { clock, quota } = setUp({ requestsPerMinute: bucket(600) })
      const permits = await Promise.all([0, 1, 2].map(() => quota.admit()))
      const closedMs = clock.now()
      for (const permit of permits) permit.settle({ outcome: "throttled", reason: "rate", retryAfterMs: 90_000 })
      const admittedMs: number[] = []
      let probe: Permit | undefined
      const crowd = Array.from({ length: 20 }, async () => {
        const permit = await quota.admit()
        admittedMs.push(clock.now() - closedMs)
        if (probe) permit.settle({ outcome: "success" })
        probe ??= permit
      })
      await clock.advance(89_999)
      assert.deepEqual(admittedMs, [])
      for (let step = 0; step < 300 && admittedMs.length === 0; step++) await clock.advance(100)
      assert.equal(admittedMs.length, 1, "one probe ahead of the others")
      probe?.settle({ outcome: "success" })
      await clock.run(Promise.all(crowd))
      assert.ok(admittedMs.every((ms) => ms >= 90_000))
    })

    it("ends the whole queue with one clear error when the account cannot pay", async () => {
      const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 2) })
      const permit = await quota.admit()
      const waiters = [0, 1, 2].map(() => watch(quota.admit()))
      permit.settle({ outcome: "throttled", message: "You exceeded your current quota", reason: "billing" })
      await turns()
      const stuck = waiters.filter(({ state }) => state !== "resolved")
      assert.ok(stuck.length >= 2)
      for (const { reason } of stuck) assert.ok(hasCode("quota-exhausted")(reason), String(reason))
      await clock.run(assert.rejects(quota.admit(), hasCode("quota-exhausted")))
      assert.equal(clock.pending, 0)
    })

    it("believes the vendor's headers over what it was told", async () => {
      const { clock, quota } = setUp({ requestsPerMinute: bucket(6_000) })
      const permit = await quota.admit()
      const limits = [{ dimension: "requests", limit: 60, remaining: 0, resetMs: 60_000 }] as const
      permit.settle({ outcome: "success", limits })
      const startMs = clock.now()
      const crowd = Array.from({ length: 10 }, async () => {
        const next = await quota.admit()
        next.settle({ outcome: "success" })
      })
      await clock.run(Promise.all(crowd))
      const tookMs = clock.now() - startMs
      assert.ok(tookMs >= 9_000 && tookMs <= 15_000, `10 calls at 60 a minute took ${tookMs} ms`)
    })

    it("does not notice when the wall clock steps back an hour", async () => {
      const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 2) })
      const startMs = clock.now()
      const crowd = Array.from({ length: 10 }, async () => {
        const permit = await quota.admit()
        permit.settle({ outcome: "success" })
      })
      clock.jumpWall(-3_600_000)
      await clock.run(Promise.all(crowd))
      assert.ok(clock.now() - startMs < 10_500)
    })

    it("has every permit back, no waiter and no timer left after any mix of ends and aborts", async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const random = seededRandom(seed)
        const { clock, quota } = setUp({
          concurrency: 4,
          requestsPerMinute: bucket(600, 20),
          inputTokensPerMinute: bucket(60_000, 5_000),
        })
        const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(ms, resolve))
        let running = 0
        const call = async (): Promise<void> => {
          await after(random.next() * 3_000)
          const controller = new AbortController()
          const leave =
            random.next() < 0.3 ? clock.setTimer(random.next() * 2_000, () => controller.abort("left")) : undefined
          const inputTokens = Math.ceil(random.next() * 2_000)
          const permit = await quota.admit({ inputTokens }, { signal: controller.signal }).catch(() => undefined)
          if (permit) {
            assert.ok(++running <= 4, `seed ${seed}: ${running} at once`)
            await after(random.next() * 500)
            running--
            permit.settle({ outcome: random.next() < 0.7 ? "success" : "ignored", actual: { inputTokens } })
          }
          leave?.()
        }
        await clock.run(Promise.all(Array.from({ length: 60 }, call)))
        await clock.advance(60_000)
        assert.equal(clock.pending, 0, `seed ${seed}: timers left`)
        const again = [0, 1, 2, 3, 4].map(() => watch(quota.admit()))
        await turns()
        assert.equal(again.filter(({ state }) => state === "resolved").length, 4, `seed ${seed}: places left`)
      }
    })
  })
}
