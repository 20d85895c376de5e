import { randomUUID } from "node:crypto"
import type { Cost, Permit } from "@sluice/core"
import type { Quota, QuotaOptions } from "@sluice/scheduler"
import { describe, expect, test } from "vitest"
import { member, noBeats, RestingClock, type SetUp } from "./kit.ts"
import { realStore } from "./real-store.ts"

const { server, store } = await realStore()

/** Processes with the same options on one virtual clock; each next one is made by `join`. */
function group(options: QuotaOptions): { clock: RestingClock; join: (more?: Partial<SetUp>) => Quota } {
  const clock = new RestingClock({ startMs: 5_000 })
  const name = randomUUID()
  let count = 0
  return { clock, join: (more) => member(options, { store, clock, name, member: `m${count++}`, ...more }) }
}

/** How it ends: with a permit, or with an error's code. */
const end = (quota: Quota, cost: Cost = {}): Promise<Permit | string> =>
  quota.admit(cost).catch((error: Error & { code?: string }) => error.code ?? error.message)
const codes = (ends: readonly (Permit | string)[]): string[] => ends.filter((each) => typeof each === "string")
const permits = (ends: readonly (Permit | string)[]): Permit[] =>
  ends.filter((each): each is Permit => typeof each !== "string")

describe.skipIf(!server)("totals that several processes share", () => {
  test("dollars: none is spent twice, whoever asks; what a call did not need is there for the others", async () => {
    const { clock, join } = group({ budgetUsd: 1 })
    const [one, two] = [join(), join()]
    const first = await clock.run(Promise.all([one, two, one, two].map((quota) => end(quota, { usd: 0.2 }))))
    expect(codes(first)).toEqual([])
    // A dollar less what may yet be spent: 0.2, and this wants 0.3. It waits, as a call that runs may need less.
    let late: Permit | string = "waits"
    const waiting = end(two, { usd: 0.3 }).then((ended) => (late = ended))
    await clock.advance(1_000)
    expect(late).toBe("waits")
    for (const permit of permits(first)) permit.settle({ outcome: "success", actual: { usd: 0.1 } })
    await clock.run(waiting)
    expect(typeof late).not.toBe("string")
    permits([late])[0]!.settle({ outcome: "success", actual: { usd: 0.3 } })
    await clock.advance(100)
    // 0.7 is spent. A newcomer is told so.
    const spend = async (quota: Quota): Promise<string> => {
      const permit = await end(quota, { usd: 0.1 })
      if (typeof permit === "string") return permit
      permit.settle({ outcome: "success", actual: { usd: 0.1 } })
      return "spent"
    }
    const rest = await clock.run(Promise.all([join(), one, two, one].map(spend)))
    expect(rest.toSorted()).toEqual(["budget-exhausted", "spent", "spent", "spent"])
  })

  test("dollars that a process had reserved when it died are spent, as far as anybody knows", async () => {
    const { clock, join } = group({ budgetUsd: 1 })
    const kept = await clock.run(end(join({ beats: noBeats, learns: false }), { usd: 0.6 }))
    expect(typeof kept).not.toBe("string")
    const other = join()
    let late: Permit | string = "waits"
    const waiting = end(other, { usd: 0.5 }).then((ended) => (late = ended))
    await clock.advance(2_000)
    expect(late).toBe("waits")
    // Its lease is over: it will not tell that it needed less. Asked again each second, which the watch over sleeping calls does not know.
    clock.looks.clear()
    await clock.run(waiting)
    expect(late).toBe("budget-exhausted")
    expect(typeof (await clock.run(end(other, { usd: 0.4 })))).not.toBe("string")
  })

  test("requests of a day: a told total is used once, by all together", async () => {
    const { clock, join } = group({ requestsPerDay: { limit: 10, kind: "fixed" } })
    const quotas = [join(), join(), join()]
    let granted = 0
    const calls = Array.from({ length: 15 }, (_, at) =>
      quotas[at % 3]!.admit().then((permit) => {
        granted++
        permit.settle({ outcome: "success" })
      }),
    )
    const ends = Promise.all(calls.map((call) => call.catch((error: Error & { code?: string }) => error.code)))
    const codes = await clock.run(ends)
    expect([granted, codes.filter((code) => code === "quota-exhausted").length]).toEqual([10, 5])
  }, 120_000)

  test("in the moments in which a reset may be past or not, no more than one window is taken", async () => {
    const clock = new RestingClock({ startMs: 5_000 })
    const limits = { requestsPerMinute: { limit: 10, kind: "fixed", resetAt: clock.wallNow() + 20_000 } } as const
    const quota = member(limits, { store, clock })
    const first = await clock.run(quota.admit())
    first.settle({ outcome: "success" })
    await clock.advance(25_010 - clock.now())
    let granted = 0
    const calls = Array.from({ length: 25 }, () =>
      quota.admit().then((permit) => {
        granted++
        permit.settle({ outcome: "success" })
      }),
    )
    await clock.advance(1_000)
    expect(granted).toBe(10)
    await clock.run(Promise.all(calls))
    expect(clock.now()).toBeLessThan(205_000)
  }, 120_000)

  test("a day that the vendor says is used up ends the calls of all, or pauses them until it begins again", async () => {
    const used = { outcome: "throttled", reason: "daily", retryAfterMs: 600_000 } as const
    const failing = group({ requestsPerMinute: 60 })
    const [one, two] = [failing.join(), failing.join()]
    const [permit, other] = await failing.clock.run(Promise.all([one.admit(), two.admit()]))
    other.settle({ outcome: "success" })
    permit.settle(used)
    await failing.clock.advance(500)
    expect(await failing.clock.run(Promise.all([end(one), end(two)]))).toEqual(["quota-exhausted", "quota-exhausted"])

    const pausing = group({ requestsPerMinute: 60, onExhausted: "pause" })
    const [third, fourth] = [pausing.join(), pausing.join()]
    const [paused, past] = await pausing.clock.run(Promise.all([third.admit(), fourth.admit()]))
    past.settle({ outcome: "success" })
    paused.settle(used)
    let goesOnMs: number | undefined
    const fromMs = pausing.clock.now()
    const waiting = fourth.admit().then((later) => {
      goesOnMs = pausing.clock.now()
      later.settle({ outcome: "success" })
    })
    await pausing.clock.advance(500_000)
    // It is asked again in that moment, which the watch over sleeping calls does not know.
    pausing.clock.looks.clear()
    expect(goesOnMs).toBeUndefined()
    await pausing.clock.run(waiting)
    expect(goesOnMs! - fromMs).toBeGreaterThanOrEqual(600_000)
    expect(goesOnMs! - fromMs).toBeLessThan(610_000)
  }, 120_000)
})
