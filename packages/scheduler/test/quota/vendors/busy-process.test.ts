import type { Clock } from "@sluice/core"
import { awakeQuota, simulate, type SimulatedLimiter, type SimulateOptions, type VendorOptions } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { batch } from "../../fixtures/traffic-runs.ts"

/** A quota in a process that computes for so long with each answer: timers fire late, and answers are read late. */
const busy =
  (computeMs: number): NonNullable<SimulateOptions["limiter"]> =>
  ({ told, clock, random }): SimulatedLimiter => {
    let freeMs = 0
    const late: Clock = {
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
      setTimer(delayMs, fn) {
        let cancel = clock.setTimer(delayMs, () => {
          const waitMs = freeMs - clock.now()
          if (waitMs > 0) cancel = clock.setTimer(waitMs, fn)
          else fn()
        })
        return () => cancel()
      },
    }
    const quota = awakeQuota({ ...told, clock: late, random })
    return {
      async admit(cost, options) {
        const permit = await quota.admit(cost, options)
        return {
          settle(end) {
            freeMs = Math.max(freeMs, clock.now()) + computeMs
            clock.setTimer(freeMs - clock.now(), () => permit.settle(end))
          },
        }
      },
      tryAdmit: (cost, options) => quota.tryAdmit(cost, options),
      snapshot: () => quota.snapshot(),
    }
  }

describe("a process that computes with each answer: what comes late is no evidence about the vendor", () => {
  const latency = { baseMs: 400, perOutputTokenMs: 12, heavyTail: 0.4 }
  const shallow = { requests: { limit: 1_200, burst: 20 } }
  const cases: readonly (readonly [string, VendorOptions, NonNullable<SimulateOptions["told"]>, number, number])[] = [
    ["a bucket, told", { limits: { requests: 600 } }, { requestsPerMinute: { limit: 600, kind: "bucket" } }, 40, 0],
    [
      "a sliding minute, told",
      { limits: { requests: { limit: 600, model: "sliding" } } },
      { requestsPerMinute: { limit: 600, kind: "sliding" } },
      40,
      0,
    ],
    ["a number told, little stands ready", { limits: shallow }, { requestsPerMinute: 1_200 }, 15, 2],
    ["a number told, little stands ready", { limits: shallow }, { requestsPerMinute: 1_200 }, 40, 6],
    ["nothing told, no headers", { limits: shallow, headers: "none" }, {}, 15, 2],
  ]
  for (const [name, vendor, told, computeMs, more] of cases)
    it(`${name}, ${computeMs} ms each, 1,200 calls: at most ${more} refusals more than in one that has all its time`, async () => {
      for (const seed of [1, 2, 3]) {
        const shape = { name: "batch", streams: [batch(1_200)] }
        const run = (ms: number): ReturnType<typeof simulate> =>
          simulate(shape, { ...vendor, latency }, { seed, told, limiter: busy(ms) })
        const [idle, report] = [await run(0), await run(computeMs)]
        expect(report).toMatchObject({ lost: 0, repeated: 0, hungAtMs: undefined })
        expect(report.ratio).toBeLessThanOrEqual(1.01)
        expect(report.refused - idle.refused).toBeLessThanOrEqual(more)
      }
    })
})
