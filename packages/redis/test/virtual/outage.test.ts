import { describe, expect, test } from "vitest"
import { realStore } from "./real-store.ts"
import { virtualFleet } from "./virtual-fleet.ts"

const { server, store } = await realStore()

/** Calls a second. */
const rate = 20
const leaseMs = 3_000

describe.skipIf(!server)("a server that is gone for 10 s and comes back empty, in virtual time", () => {
  for (const headers of ["openai", "none"] as const)
    for (const burst of [3, 40])
      test(`whoever was alone pays once: headers ${headers}, ${burst} at once`, async () => {
        const most = { refused: 0, lateMs: 0 }
        for (let seed = 1; seed <= 2; seed++) {
          const report = await virtualFleet({
            store,
            processes: 3,
            calls: 200,
            told: { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst } },
            vendor: {
              limits: { requests: { limit: 60 * rate, burst } },
              latency: { baseMs: 50, perOutputTokenMs: 0 },
              headers,
            },
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
})
