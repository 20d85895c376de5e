import { createVirtualVendor, oracle, seededRandom, type VendorOptions, VirtualClock, awakeQuota } from "@sluice/lab"
import type { QuotaOptions } from "@sluice/scheduler"
import { expect, test } from "vitest"

/** A batch in a process that takes `sendMs` on average to send each call that was admitted, one after the other. */
async function batch(
  told: QuotaOptions,
  vendorOptions: VendorOptions,
  { calls, sendMs, seed = 1 }: { readonly calls: number; readonly sendMs: number; readonly seed?: number },
): Promise<{ readonly refused: number; readonly times: number }> {
  const clock = new VirtualClock()
  const truth = { ...vendorOptions, seed, networkMs: 1 }
  const vendor = createVirtualVendor({ ...truth, clock, networkJitterMs: 5 })
  const random = seededRandom(seed)
  const quota = awakeQuota({ ...told, clock, random: seededRandom(seed * 31) })
  const cost = { requests: 1, inputTokens: 10, outputTokens: 20 }
  let refused = 0
  let freeMs = 0
  const call = async (id: string): Promise<void> => {
    for (let isAnswered = false; !isAnswered;) {
      const permit = await quota.admit(cost, { since: 0 })
      freeMs = Math.max(clock.now(), freeMs) + sendMs * (0.5 + random.next())
      await new Promise<void>((resolve) => void clock.setTimer(freeMs - clock.now(), resolve))
      const { status, refusal, limits, retryAfterMs } = await vendor.call({ id, inputTokens: 10, outputTokens: 20 })
      const heard = { ...(limits && { limits }), ...(retryAfterMs !== undefined && { retryAfterMs }) }
      isAnswered = status === 200
      if (isAnswered) permit.settle({ outcome: "success", actual: cost, ...heard })
      else permit.settle({ outcome: "throttled", actual: { requests: 1 }, ...refusal!, ...heard })
      if (!isAnswered) refused++
    }
  }
  await clock.run(Promise.all(Array.from({ length: calls }, (_, each) => call(String(each)))))
  const all = Array.from({ length: calls }, () => ({ inputTokens: 10, outputTokens: 20 }))
  return { refused, times: clock.now() / oracle(all, truth).timeMs }
}

/** 50 calls a second, 500 of them at once. */
const limits = { requests: { limit: 3_000, burst: 500 } }
const latency = { baseMs: 100, perOutputTokenMs: 0 }

test.each([3, 6])(
  "what was sent long after it was admitted, and is refused long after the first, teaches no lower rate (%i ms)",
  async (sendMs) => {
    const vendor: VendorOptions = { limits, latency, headers: "none", retryAfter: "none" }
    const { times } = await batch({ requestsPerMinute: 3_000 }, vendor, { calls: 2_400, sendMs })
    // 1.097 and 1.010 when what flowed in meanwhile was taken for idle.
    expect(times).toBeLessThan(1.005)
  },
)

test.each([3, 6, 12])(
  "what flowed in before a call arrived is in what remained by then: answers of calls that were sent late raise no level (%i ms)",
  async (sendMs) => {
    const told: QuotaOptions = { requestsPerMinute: { limit: 3_000, kind: "bucket", burst: 500 } }
    const { refused, times } = await batch(told, { limits, latency }, { calls: 1_200, sendMs })
    // 28, 77 and 0 when it was counted from when they were admitted.
    expect(refused).toBeLessThanOrEqual(2)
    expect(times).toBeLessThan(1.05)
  },
)
