import { seededRandom, type VendorOptions } from "@sluice/lab"
import type { QuotaOptions } from "@sluice/scheduler"
import { describe, expect, test } from "vitest"
import { realStore } from "./real-store.ts"
import { type FleetOptions, virtualFleet } from "./virtual-fleet.ts"

const { server, store } = await realStore()
// SLUICE_SEEDS=1-2000 for a long run.
const [from, to] = (process.env["SLUICE_SEEDS"] ?? "1-12").split("-").map(Number) as [number, number]

/** Some processes before a vendor of which they know something, all or nothing; limits change, it fails for a while, and who learns dies. */
function drawn(seed: number): Omit<FleetOptions, "store"> {
  const random = seededRandom(seed * 7_919)
  const one = <T>(...choices: readonly T[]): T => choices[Math.floor(random.next() * choices.length)]!
  const limit = one(120, 600, 3_000)
  const burst = Math.max(1, Math.round(limit * one(0.02, 0.2, 1)))
  const [fromMs, toMs] = [random.next() * 3_000, random.next() * 4_000]
  const told = one<QuotaOptions>(
    {},
    { requestsPerMinute: limit },
    { requestsPerMinute: 2 * limit },
    { requestsPerMinute: { limit, burst, kind: "bucket" } },
    { requestsPerMinute: limit, concurrency: one(3, 20) },
  )
  const vendor: VendorOptions = {
    limits: { requests: { limit, burst } },
    latency: { baseMs: one(50, 300), perOutputTokenMs: 0 },
    headers: one("openai", "none"),
    retryAfter: one("exact", "seconds", "none"),
    ...(random.next() < 0.5 && {
      schedule: [{ atMs: random.next() * 5_000, limits: { requests: limit * one(0.5, 2) } }],
    }),
    ...(random.next() < 0.5 && {
      faults: { schedule: [{ kind: "error503" as const, fromMs, toMs: fromMs + toMs, rate: one(0.3, 1) }] },
    }),
  }
  return {
    seed,
    told,
    vendor,
    processes: one(2, 3, 4),
    calls: one(10, 30),
    sendMs: one(0, 5),
    firstMs: one(0, 300),
    deathsMs: one([], [random.next() * 2_000], [random.next() * 2_000, 2_000 + random.next() * 6_000]),
  }
}

describe.skipIf(!server)("no call is lost", () => {
  test(`by ${to - from + 1} fleets whose learners die, under limits that change and a vendor that fails: each call of the living ends with the vendor's word`, async () => {
    for (let seed = from; seed <= to; seed++) {
      const options = drawn(seed)
      const { ends, hung } = await virtualFleet({ store, ...options })
      // Given up after three failures of the vendor's, or gone with its process; never refused to the end, and never an error of ours.
      const { answered = 0, failed = 0, died = 0, ...lost } = ends
      expect([lost, hung, answered + failed + died], `seed ${seed}`).toEqual([{}, 0, options.processes * options.calls])
      if (!options.vendor.faults) expect(failed, `seed ${seed}`).toBe(0)
    }
  }, 1_800_000)
})
