import { awakeQuota, createLimitModel, exponential, seededRandom, VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { parallelMap } from "../../../src/map/parallel-map.ts"
import { sleep } from "../../../src/runtime/sleep.ts"

const dayMs = 86_400_000

it("a whole day of 50,000 calls under a day's and a minute's limit: each is used up, none is exceeded, and tomorrow goes on", async () => {
  const wallMs = Date.UTC(2026, 0, 1)
  const clock = new VirtualClock({ startMs: 0, wallMs })
  const random = seededRandom(1)
  const quota = awakeQuota({
    requestsPerDay: 50_000,
    requestsPerMinute: { limit: 40, kind: "sliding" },
    onExhausted: "pause",
    jitterMs: 0,
    clock,
    random,
  })
  // A sliding window may be entered a hundredth of itself late; a vendor's own count is exact.
  const vendor = {
    day: createLimitModel({ limit: 50_000, model: "fixed", windowMs: dayMs, anchorMs: dayMs }),
    minute: createLimitModel({ limit: 40, model: "sliding" }),
  }
  let refused = 0
  const startsPerDay = new Map<number, number>()
  let lastMs = 0
  const call = async (): Promise<void> => {
    const nowMs = clock.now()
    if (!vendor.day.tryTake(nowMs, 1) || !vendor.minute.tryTake(nowMs, 1)) refused++
    const day = Math.floor(nowMs / dayMs)
    startsPerDay.set(day, (startsPerDay.get(day) ?? 0) + 1)
    if (day === 0) lastMs = nowMs
    await sleep(clock, exponential(random, 4_000))
  }
  const calls = Array.from({ length: 50_100 }, (_, i) => i)
  let answered = 0
  await clock.run(
    (async () => {
      for await (const outcome of parallelMap(calls, call, { limiter: quota, clock, random, order: "completion" })) {
        if (outcome.status === "ok") answered++
      }
    })(),
  )
  expect([answered, refused]).toEqual([50_100, 0])
  expect([...startsPerDay]).toEqual([
    [0, 50_000],
    [1, 100],
  ])
  // 50,000 calls at 40 a minute, and not a percent more.
  expect(lastMs).toBeLessThan((50_000 / 40) * 60_000 * 1.01)
  expect(quota.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 })
  expect(clock.pending).toBe(0)
}, 60_000)

it.each(["fixed", undefined] as const)(
  "a window of a week, counted as %s, admits its limit in no seven days more than once",
  async (kind) => {
    const clock = new VirtualClock({ startMs: 0, wallMs: Date.UTC(2026, 0, 1, 20) })
    const weekly = { limit: 3, windowMs: 7 * dayMs, ...(kind && { kind }) }
    const quota = awakeQuota({ requestsPerSecond: weekly, onExhausted: "pause", clock, random: seededRandom(1) })
    const days: number[] = []
    for (let call = 0; call < 9; call++) {
      await clock.run(quota.admit().then((permit) => permit.settle({ outcome: "success" })))
      days.push(clock.now() / dayMs)
    }
    expect(Math.min(...days.slice(3).map((day, index) => day - days[index]!))).toBeGreaterThanOrEqual(7)
  },
  // Two million looks: seconds, and many more of them where other tests run beside it.
  120_000,
)
