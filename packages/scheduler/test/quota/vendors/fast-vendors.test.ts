import type { VendorOptions } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { batch, runs } from "../../fixtures/traffic-runs.ts"

/** `bench/fast-vendors.ts` prints the figures of more of them. */
describe("nothing told, no headers, a fast vendor with a shallow bucket: its rate is found", () => {
  for (const retryAfter of ["exact", "none"] as const)
    for (const [perSecond, burst, most] of [
      [50, 5, 1.15],
      [100, 1, 1.9],
      [100, 5, 1.4],
      [150, 2, 1.75],
    ] as const)
      it(`${perSecond} a second, bucket of ${burst}, delays ${retryAfter}, however long answers take`, async () => {
        for (const baseMs of [50, 2_000]) {
          const vendor: VendorOptions = {
            limits: { requests: { limit: perSecond * 60, burst } },
            latency: { baseMs, perOutputTokenMs: 0 },
            headers: "none",
            retryAfter,
          }
          for (const { ratio, refusedRatio } of await runs(batch(1_000), vendor)) {
            expect(ratio, `${baseMs} ms`).toBeLessThanOrEqual(most)
            expect(refusedRatio, `${baseMs} ms`).toBeLessThanOrEqual(0.03)
          }
        }
      })
})
