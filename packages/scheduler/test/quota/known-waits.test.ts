import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import type { QuotaOptions } from "../../src/index.ts"

/** 300 callers at once behind 600 a minute, each with 10 s: when each was told. */
async function surge(told: Partial<QuotaOptions>, cost = {}): Promise<{ admitted: number[]; refused: number[] }> {
  const clock = new VirtualClock({ settles: "promises" })
  const quota = awakeQuota({ ...told, clock })
  const [admitted, refused]: [number[], number[]] = [[], []]
  const one = async (): Promise<void> => {
    try {
      const permit = await quota.admit(cost, { maxWaitMs: 10_000 })
      admitted.push(clock.now())
      permit.settle({ outcome: "success" })
    } catch (error) {
      expect(error).toMatchObject({ code: "deadline-unreachable" })
      refused.push(clock.now())
    }
  }
  await clock.run(Promise.all(Array.from({ length: 300 }, one)))
  return { admitted, refused }
}

/** All but those of the last slots, whose turn might have come in time. */
function expectAtOnce(refusedMs: readonly number[]): void {
  expect(refusedMs.filter((ms) => ms === 0).length).toBeGreaterThan(190)
  expect(refusedMs.filter((ms) => ms > 0).length).toBeLessThan(10)
}

describe("a call that cannot be admitted in its time is refused as it comes", () => {
  it("behind calls that take longer already at the known rate", async () => {
    const { admitted, refused } = await surge({ requestsPerMinute: { limit: 600, burst: 1 } })
    expect(admitted.length).toBeGreaterThanOrEqual(100)
    expect(admitted.length + refused.length).toBe(300)
    expectAtOnce(refused)
  })

  it("of tokens too, as far as they are certain", async () => {
    const tokens = { requests: 1, inputTokens: 900, outputTokens: 100 }
    const { admitted, refused } = await surge({ tokensPerMinute: { limit: 600_000, burst: 1_000 } }, tokens)
    expect(admitted.length).toBeGreaterThanOrEqual(100)
    expectAtOnce(refused)
  })

  it("and says behind whom, and how long it would be", async () => {
    const clock = new VirtualClock({ settles: "promises" })
    const quota = awakeQuota({ requestsPerMinute: { limit: 60, burst: 1 }, clock })
    for (let i = 0; i < 10; i++) void quota.admit().then((permit) => permit.settle({ outcome: "success" }))
    await expect(quota.admit({}, { maxWaitMs: 5_000 })).rejects.toThrow(
      /behind the calls ahead of it this call is admitted in 10 s at the earliest, after its deadline of 5 s.*higher priority/u,
    )
    // Higher priority goes past them.
    const first = quota.admit({}, { maxWaitMs: 5_000, priority: 1 })
    const permit = await clock.run(first)
    permit.settle({ outcome: "success" })
    await clock.run(quota.close())
  })

  it("not for room that is kept for higher priority, which shrinks as nobody of it comes", async () => {
    const told = { requestsPerMinute: { limit: 26, kind: "fixed", resetAt: 60_000 }, tokensPerMinute: 600 } as const
    const call = (priority: number, atMs = 0, maxWaitMs: number | null = null): Drawn => ({
      atMs,
      input: 1,
      maxWaitMs,
      tenant: "a",
      priority,
    })
    const first = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1].map((priority) => call(priority))
    const waited: number[] = []
    const calls = [...first, call(0, 6_298, 7_892), call(1), call(0, 6_298), call(1, 161)]
    await play(told, calls, ignore, (index, waitedMs) => (waited[index] = waitedMs))
    expect(waited[16]).toBeCloseTo(7_000, -1)
  })

  it("never one that would have had its turn in time", async () => {
    const rate = fc.record({
      limit: fc.integer({ min: 6, max: 120 }),
      kind: fc.constantFrom("bucket" as const, "sliding" as const, "fixed" as const),
      burst: fc.integer({ min: 1, max: 600 }),
    })
    const call = fc.record({
      atMs: fc.integer({ min: 0, max: 20_000 }),
      input: fc.integer({ min: 1, max: 300 }),
      maxWaitMs: fc.option(fc.integer({ min: 1, max: 60_000 })),
      tenant: fc.constantFrom("a", "b"),
      priority: fc.constantFrom(0, 1),
    })
    let found = 0
    const calls = fc.array(call, { minLength: 20, maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(
        rate,
        fc.integer({ min: 600, max: 6_000 }),
        calls,
        async ({ kind, burst, limit }, tpm, drawn) => {
          const told = {
            requestsPerMinute:
              kind === "bucket"
                ? { limit, kind, burst: Math.min(burst, limit) }
                : { limit, kind, ...(kind === "fixed" && { resetAt: 60_000 }) },
            tokensPerMinute: tpm,
          } as const
          // One call has a deadline: who waits ahead of it stays.
          for (const [one, { maxWaitMs }] of drawn.entries()) {
            if (maxWaitMs === null) continue
            const impatient = drawn.map((each, index) => ({ ...each, maxWaitMs: index === one ? maxWaitMs : null }))
            let isRefused = false
            await play(told, impatient, (_index, waitedMs) => (isRefused = waitedMs === 0), ignore)
            if (!isRefused) continue
            // The same once more, and it waits on: its turn does not come in its time.
            const patient = drawn.map((each) => ({ ...each, maxWaitMs: null }))
            const checked = (index: number, waitedMs: number): void => {
              if (index === one) expect(waitedMs).toBeGreaterThan(maxWaitMs - 1)
            }
            await play(told, patient, ignore, checked)
            if (++found % 3 === 0) break
          }
        },
      ),
      { numRuns: 40 },
    )
    expect(found).toBeGreaterThan(20)
  })
})

const ignore = (): void => undefined

interface Drawn {
  readonly atMs: number
  readonly input: number
  readonly maxWaitMs: number | null
  readonly tenant: string
  readonly priority: number
}

async function play(
  told: Partial<QuotaOptions>,
  calls: readonly Drawn[],
  refused: (index: number, waitedMs: number) => unknown,
  admitted: (index: number, waitedMs: number) => unknown,
): Promise<void> {
  const clock = new VirtualClock({ settles: "promises" })
  const quota = awakeQuota({ ...told, clock })
  const one = async ({ atMs, input, maxWaitMs, tenant, priority }: Drawn, index: number): Promise<void> => {
    await new Promise<void>((resolve) => void clock.setTimer(atMs, resolve))
    const options = { tenant, priority, ...(maxWaitMs !== null && { maxWaitMs }) }
    let waitedMs: number
    try {
      const permit = await quota.admit({ requests: 1, inputTokens: input }, options)
      permit.settle({ outcome: "success" })
      waitedMs = clock.now() - atMs
    } catch {
      return void refused(index, clock.now() - atMs)
    }
    admitted(index, waitedMs)
  }
  await clock.run(Promise.all(calls.map(one)))
}
