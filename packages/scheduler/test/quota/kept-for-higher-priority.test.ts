import type { AdmitOptions } from "@sluice/core"
import { awakeQuota, seededRandom, VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import type { Quota, QuotaOptions } from "../../src/index.ts"

const minute = 60_000
const sliding: QuotaOptions = { requestsPerMinute: { limit: 100, kind: "sliding" } }
const fixed: QuotaOptions = { requestsPerMinute: { limit: 100, kind: "fixed", resetAt: 30_000 } }
const bucket: QuotaOptions = { requestsPerMinute: { limit: 100, kind: "bucket" } }

interface Run {
  readonly clock: VirtualClock
  readonly quota: Quota
  /** Asks at these moments; returns what each waited. */
  readonly send: (atMs: readonly number[], options?: AdmitOptions) => Promise<number[]>
}

function setUp(options: QuotaOptions): Run {
  const clock = new VirtualClock()
  const quota = awakeQuota({ clock, random: seededRandom(1), ...options })
  async function call(atMs: number, admitOptions?: AdmitOptions): Promise<number> {
    if (atMs > clock.now()) await new Promise<void>((resolve) => void clock.setTimer(atMs - clock.now(), resolve))
    const askedMs = clock.now()
    const permit = quota.tryAdmit({ requests: 1 }, admitOptions) ?? (await quota.admit({ requests: 1 }, admitOptions))
    const waitedMs = clock.now() - askedMs
    clock.setTimer(50, () => permit.settle({ outcome: "success", actual: { requests: 1 } }))
    return waitedMs
  }
  return { clock, quota, send: (atMs, admitOptions) => Promise.all(atMs.map((at) => call(at, admitOptions))) }
}

const every = (ms: number, fromMs: number, toMs: number): number[] =>
  Array.from({ length: Math.round((toMs - fromMs) / ms) }, (_, i) => fromMs + i * ms)
/** As people come: gaps of any length, `ms` on average. */
function about(ms: number, fromMs: number, toMs: number): number[] {
  const random = seededRandom(3)
  const at: number[] = []
  for (let now = fromMs; now < toMs; now -= ms * Math.log(1 - random.next())) at.push(now)
  return at
}
const p95 = (waits: readonly number[]): number => waits.toSorted((a, b) => a - b)[Math.ceil(waits.length * 0.95) - 1]!
const batch = (calls: number, atMs: number): number[] => Array.from({ length: calls }, () => atMs)

describe("room in a window for higher priority", () => {
  for (const [name, options] of Object.entries({ sliding, fixed })) {
    it(`${name}: a chat that was there before a batch never waits for the window that the batch fills`, async () => {
      const { clock, send } = setUp(options)
      const chat = send(about(6_000, 100, 6 * minute), { priority: 1 })
      const batched = send(batch(250, 2 * minute))
      expect(p95(await clock.run(chat))).toBeLessThanOrEqual(600)
      // About 90 of 100 a minute are the batch's.
      expect(Math.max(...(await clock.run(batched)))).toBeLessThanOrEqual(3 * minute)
    })

    it(`${name}: the same where the chat is of the usual priority and the batch below it`, async () => {
      const { clock, send } = setUp(options)
      const chat = send(about(6_000, 100, 6 * minute))
      void send(batch(250, 2 * minute), { priority: -1 })
      expect(p95(await clock.run(chat))).toBeLessThanOrEqual(600)
    })

    it(`${name}: a batch beside which nobody of higher priority came has the whole window`, async () => {
      const { clock, send } = setUp(options)
      await clock.run(send(every(6_000, 100, 2 * minute)))
      const waits = await clock.run(send(batch(90, 3 * minute)))
      expect(waits.filter((ms) => ms === 0).length).toBeGreaterThanOrEqual(89)
    })

    it(`${name}: what was kept is the batch's again once nobody of higher priority comes any more`, async () => {
      const { clock, send } = setUp(options)
      await clock.run(send(every(1_000, 100, 2 * minute), { priority: 1 }))
      const waits = await clock.run(send(batch(99, 10 * minute)))
      expect(waits.filter((ms) => ms === 0).length).toBeGreaterThanOrEqual(98)
    })

    it(`${name}: half of a window at most is kept, so that nobody starves`, async () => {
      const { clock, send } = setUp(options)
      const chat = send(every(500, 100, 10 * minute), { priority: 1 })
      // One admission in 64 is the batch's.
      expect(Math.max(...(await clock.run(send(batch(3, 3 * minute)))))).toBeLessThanOrEqual(2.5 * minute)
      await clock.run(chat)
    })
  }

  it("a bucket keeps nothing: its next call is never far", async () => {
    const { clock, send } = setUp(bucket)
    const chat = send(about(6_000, 100, 6 * minute), { priority: 1 })
    const batched = send(batch(250, 2 * minute))
    expect(p95(await clock.run(chat))).toBeLessThanOrEqual(600)
    expect(Math.max(...(await clock.run(batched)))).toBeLessThanOrEqual(1.85 * minute)
  })

  it("says whom it is kept for", async () => {
    const { clock, quota, send } = setUp(sliding)
    void send(about(6_000, 100, 4 * minute), { priority: 1 })
    void send(batch(150, 2 * minute))
    await clock.advance(2 * minute + 1_000)
    expect(quota.explain(1)[0]).toMatchObject({ priority: 0, blockedBy: "requestsPerMinute, kept for higher priority" })
  })
})
