import { randomUUID } from "node:crypto"
import { describe, expect, test } from "vitest"
import type { Offline } from "../../src/absence.ts"
import { quotaKeys } from "../../src/store/quota-keys.ts"
import type { Store } from "../../src/store/store.ts"
import { member, RestingClock } from "./kit.ts"
import { realStore } from "./real-store.ts"
import { virtualFleet } from "./virtual-fleet.ts"

const { server, store } = await realStore()

/** Calls a second. */
const rate = 20
const leaseMs = 3_000
const latency = { baseMs: 50, perOutputTokenMs: 0 }
const share: Offline = { does: "share", forMs: 15_000, share: 1 }

describe.skipIf(!server)("a server that is gone for a while, in virtual time", () => {
  for (const headers of ["openai", "none"] as const)
    for (const burst of [3, 40])
      test(`back empty after 10 s: whoever was alone pays once: headers ${headers}, ${burst} at once`, async () => {
        const most = { refused: 0, lateMs: 0 }
        for (let seed = 1; seed <= 2; seed++) {
          const report = await virtualFleet({
            store,
            processes: 3,
            calls: 200,
            told: { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst } },
            vendor: { limits: { requests: { limit: 60 * rate, burst } }, latency, headers },
            seed,
            goneMs: [6_000, 16_000 + 137 * seed],
          })
          expect([report.ends, report.hung]).toEqual([{ answered: 600 }, 0])
          most.refused = Math.max(most.refused, report.refused)
          most.lateMs = Math.max(most.lateMs, report.tookMs - ((600 - burst) / rate) * 1_000)
        }
        expect(most.refused).toBe(0)
        // Nobody starts for a lease. Another 7 s were lost when the new life was charged what had been started before it.
        expect(most.lateMs).toBeLessThanOrEqual(leaseMs + 500)
      }, 120_000)

  for (const processes of [2, 5])
    test(`back with its data after 30 s: what ${processes} processes had started alone is paid out of their shares`, async () => {
      const { ends, hung, refused, tookMs } = await virtualFleet({
        store,
        processes,
        calls: 1_000 / processes,
        told: { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst: 40 } },
        vendor: { limits: { requests: { limit: 60 * rate, burst: 40 } }, latency, headers: "none" },
        goneMs: [6_000, 36_000],
        keepsData: true,
      })
      expect([ends, hung]).toEqual([{ answered: 1_000 }, 0])
      expect(refused).toBeLessThanOrEqual(2)
      // A lease, and 16 s after the shares have ended. Another 17 to 20 s without a call when all of it was paid a second time.
      expect(tookMs - ((1_000 - 40) / rate) * 1_000).toBeLessThanOrEqual(leaseMs + 16_000 + 1_500)
    }, 120_000)

  test("back with its data after 10 s: a refusal then does not measure a rate from what was started alone, of which nobody heard", async () => {
    const { ends, refused, tookMs } = await virtualFleet({
      store,
      processes: 3,
      calls: 400,
      told: { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst: 5 } },
      vendor: {
        limits: { requests: { limit: 60 * rate, burst: 5 } },
        latency: { ...latency, baseMs: 100 },
        headers: "none",
      },
      seed: 4,
      goneMs: [6_000, 16_548],
      keepsData: true,
    })
    expect([ends, refused]).toEqual([{ answered: 1_200 }, 1])
    // A lease, and as long again to be sure. 19 s when 8 calls a second were taken for the rate.
    expect(tookMs - ((1_200 - 5) / rate) * 1_000).toBeLessThanOrEqual(2 * leaseMs)
  }, 120_000)

  test("who is alone and refused pauses: a vendor that gives less from then on is not stormed", async () => {
    const { ends, refused } = await virtualFleet({
      store,
      processes: 2,
      calls: 150,
      told: { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst: 2 } },
      vendor: {
        limits: { requests: { limit: 60 * rate, burst: 2 } },
        latency,
        headers: "none",
        retryAfter: "none",
        schedule: [{ atMs: 8_000, limits: { requests: 15 * rate } }],
      },
      goneMs: [6_000, 18_000],
    })
    expect(ends).toEqual({ answered: 300 })
    // 156 when each went on with its share whatever it was told.
    expect(refused).toBeLessThanOrEqual(45)
  }, 120_000)

  test("places are not given to others before everybody could be heard again", async () => {
    const clock = new RestingClock({ startMs: 5_000 })
    const name = randomUUID()
    let isGone = false
    const returns: (() => void)[] = []
    const own: Store = {
      ...store,
      get isReady() {
        return !isGone
      },
      onReady: (hear) => void returns.push(hear),
      run: (...args) => (isGone ? Promise.reject(new Error("Connection is closed.")) : store.run(...args)),
    }
    let [running, most] = [0, 0]
    for (let at = 0; at < 2; at++) {
      const quota = member({ concurrency: 10 }, { store: own, clock, name, offline: share })
      for (let call = 0; call < 20; call++)
        void quota.admit().then((permit) => {
          most = Math.max(most, ++running)
          clock.setTimer(20_000, () => {
            running--
            permit.settle({ outcome: "success" })
          })
        })
    }
    await clock.advance(2_000)
    expect(running).toBe(10)
    isGone = true
    await clock.advance(5_000)
    isGone = false
    for (const [at, hear] of returns.entries()) clock.setTimer(100 * at, hear)
    await clock.advance(100_000)
    // 18 when the first that was back took all others for gone.
    expect([running, most]).toEqual([0, 10])
  })

  test("time goes on from where it was when the server's clock is set back", async () => {
    const clock = new RestingClock({ startMs: 5_000 })
    let aheadMs = 60_000
    const quota = member(
      { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst: 2 } },
      { store, clock, aheadMs: () => aheadMs },
    )
    let done = 0
    for (let call = 0; call < 400; call++)
      void quota.admit().then((permit) => {
        done++
        permit.settle({ outcome: "success" })
      })
    await clock.advance(5_000)
    aheadMs = 0
    await clock.advance(10_000)
    expect(done).toBeGreaterThanOrEqual(15 * rate - 5)
    expect(done).toBeLessThanOrEqual(15 * rate + 2)
  })

  for (const kind of ["sliding", "fixed"] as const)
    test(`a ${kind} window that a newcomer began anew is full once somebody comes who remembers`, async () => {
      const clock = new RestingClock({ startMs: 5_000 })
      const name = randomUUID()
      const told = {
        requestsPerMinute: { limit: 100, kind, ...(kind === "fixed" && { resetAt: clock.wallNow() + 50_000 }) },
      }
      const old = member(told, { store, clock, name })
      let done = 0
      const call = (quota: typeof old): void =>
        void quota.admit().then((permit) => {
          done++
          permit.settle({ outcome: "success" })
        })
      for (let each = 0; each < 60; each++) call(old)
      await clock.advance(1_000)
      await store.command("DEL", ...quotaKeys(name, undefined).keys)
      const newcomer = member(told, { store, clock, name })
      call(newcomer)
      await clock.advance(1_000)
      expect(done).toBe(61)
      call(old)
      await clock.advance(1_000)
      for (let each = 1; each < 60; each++) call(each % 2 === 0 ? old : newcomer)
      await clock.advance(20_000)
      const atOnce = done
      await clock.advance(60_000)
      expect([atOnce, done]).toEqual([61, 121])
    })
})
