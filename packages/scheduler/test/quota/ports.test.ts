import { awakeQuota, seededRandom, VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { LocalLedger, type Quota, quotaOn, type QuotaOptions } from "../../src/index.ts"

function setUp(options: QuotaOptions = {}): { clock: VirtualClock; quota: Quota } {
  const clock = new VirtualClock({ startMs: 1_000 })
  return { clock, quota: awakeQuota({ clock, random: seededRandom(1), ...options }) }
}

describe("a place in time", () => {
  it("is kept by a call that was refused: it goes before those who asked later", async () => {
    const { clock, quota } = setUp({ concurrency: 1 })
    const order: string[] = []
    const ask = async (name: string, since?: number): Promise<void> => {
      const permit = await quota.admit({}, since === undefined ? {} : { since })
      order.push(name)
      permit.settle({ outcome: "success" })
    }
    const first = await quota.admit()
    await clock.advance(100)
    const later = ["b", "c"].map((name) => ask(name))
    const again = ask("refused", 1_000)
    first.settle({ outcome: "success" })
    await clock.run(Promise.all([...later, again]))
    expect(order).toEqual(["refused", "b", "c"])
  })

  it("is no better than now for who names a moment to come", async () => {
    const { clock, quota } = setUp({ concurrency: 1 })
    const order: string[] = []
    const first = await quota.admit()
    const all = [9e9, undefined].map(async (since, index) => {
      const permit = await quota.admit({}, since === undefined ? {} : { since })
      order.push(`${index}`)
      permit.settle({ outcome: "success" })
    })
    first.settle({ outcome: "success" })
    await clock.run(Promise.all(all))
    expect(order).toEqual(["0", "1"])
  })
})

describe("place: false", () => {
  it("takes no place, and gives none back", async () => {
    const { quota } = setUp({ concurrency: 1, budgetUsd: 5 })
    const held = await quota.admit()
    const money = quota.tryAdmit({ requests: 0, usd: 2 }, { place: false })
    expect(quota.snapshot()).toMatchObject({ inFlight: 1 })
    money!.settle({ outcome: "ignored", actual: { requests: 0, usd: 1 } })
    expect(quota.tryAdmit()).toBeUndefined()
    held.settle({ outcome: "success" })
    expect([quota.tryAdmit() !== undefined, quota.tryAdmit()]).toEqual([true, undefined])
    expect(quota.snapshot().limits.find(({ dimension }) => dimension === "usd")).toMatchObject({ level: 4 })
  })
})

describe("a call that ends", () => {
  const limits = [{ dimension: "requests", limit: 60, remaining: 0 }] as const

  it("ignored teaches nothing: neither its limits nor anything else changes what is believed", async () => {
    const { quota } = setUp()
    const before = JSON.stringify(quota.snapshot().limits)
    for (let i = 0; i < 50; i++) {
      const [permit, other] = [await quota.admit(), await quota.admit()]
      permit.settle({ outcome: "ignored" })
      // It has no limits: that is said, and they teach nothing either.
      expect(() => other.settle({ outcome: "ignored", ...({ limits } as object) })).toThrow(/unknown option "limits"/)
    }
    expect(JSON.stringify(quota.snapshot())).toContain('"state":"open"')
    expect(JSON.stringify(quota.snapshot().limits)).toBe(before)
  })

  it("for want of places bounds what runs, and closes no gate for a minute", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: { limit: 6_000, kind: "bucket" } })
    const held = await Promise.all(Array.from({ length: 30 }, () => quota.admit()))
    await clock.advance(50)
    for (const permit of held.slice(8)) permit.settle({ outcome: "throttled", reason: "places" })
    const places = quota.snapshot().limits.find(({ dimension }) => dimension === "concurrency")
    expect(places!.limit).toBeLessThan(30)
    for (const permit of held.slice(0, 8)) permit.settle({ outcome: "success" })
    await clock.run(quota.admit())
    expect(clock.now()).toBeLessThan(5_000)
  })
})

describe("a queue over a ledger of its own", () => {
  it("counts as the ledger says, wakes when it calls, and closes it last", async () => {
    const { clock } = setUp()
    let open = false
    let wake = (): void => {}
    let closed = 0
    class Shut extends LocalLedger {
      override fits(): boolean {
        return open
      }
      override block(): { by: string; dimension: "gate"; ms: number } | undefined {
        return open ? undefined : { by: "somebody else", dimension: "gate", ms: Infinity }
      }
      override attach(wakeQueue: () => void = () => {}): void {
        wake = wakeQueue
      }
      override async close(): Promise<void> {
        closed++
      }
    }
    const quota = quotaOn(new Shut({ clock }), { name: "shared", clock })
    const waiting = quota.admit()
    expect([quota.snapshot().waiting, clock.pending]).toEqual([1, 0])
    expect(quota.explain()).toMatchObject([{ blockedBy: "somebody else", untilMs: undefined }])
    open = true
    wake()
    ;(await waiting).settle({ outcome: "success" })
    await quota.close()
    expect(closed).toBe(1)
  })

  it("tells it after each look what could not start, in fair order", async () => {
    const wanted: number[][] = []
    class Asking extends LocalLedger {
      want(asks: Iterable<{ readonly cost: { readonly inputTokens?: number } }>): void {
        wanted.push(Array.from(asks, ({ cost }) => cost.inputTokens ?? 0))
      }
    }
    const { clock } = setUp()
    const quota = quotaOn(new Asking({ clock, concurrency: 1 }), { clock })
    const first = await quota.admit()
    const others = [5, 7].map((inputTokens) => quota.admit({ inputTokens }))
    expect(wanted.at(-1)).toEqual([5])
    first.settle({ outcome: "success" })
    expect(wanted.at(-1)).toEqual([7])
    ;(await others[0]!).settle({ outcome: "success" })
    ;(await others[1]!).settle({ outcome: "success" })
    await quota.close()
  })
})
