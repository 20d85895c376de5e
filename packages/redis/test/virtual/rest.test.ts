import { randomUUID } from "node:crypto"
import { VirtualClock } from "@sluice/lab"
import { type Quota, quotaOn, type QuotaOptions } from "@sluice/scheduler"
import { describe, expect, test } from "vitest"
import { Learner } from "../../src/learner.ts"
import { LedgerEvents } from "../../src/ledger-events.ts"
import { SharedLedger } from "../../src/shared-ledger.ts"
import { quotaKeys } from "../../src/store/quota-keys.ts"
import type { Store } from "../../src/store/store.ts"
import { realStore } from "./real-store.ts"

const { server, store } = await realStore()

/** One process whose server is 5 ms away, and for each turn that arrived there, whether it was a goodbye. */
function oneProcess(clock: VirtualClock, name: string = randomUUID()) {
  const keys = quotaKeys(name, undefined)
  const serverNow = (): number => 1_000_000 + clock.now()
  const goodbyes: boolean[] = []
  const remote: Store = {
    ...store,
    async run(script, names, args) {
      await new Promise<void>((resolve) => void clock.setTimer(2, resolve))
      const answer = await store.run(script, names, args)
      // A learner's word has one key.
      if (names.length > 1) goodbyes.push((JSON.parse(String(args[0])) as { readonly bye?: 1 }).bye === 1)
      await new Promise<void>((resolve) => void clock.setTimer(3, resolve))
      return answer
    },
  }
  const options: QuotaOptions = { requestsPerMinute: 600, concurrency: 2, clock, name }
  const ledger = new SharedLedger(options, {
    store: remote,
    keys,
    label: name,
    events: new LedgerEvents(name, undefined, clock),
    member: randomUUID().slice(0, 8),
    newName: randomUUID,
    offline: { does: "wait", forMs: 0, share: 0 },
    clock,
    serverNow,
    learner: new Learner(options, { store: remote, keys, serverNow }),
  })
  return { ledger, quota: quotaOn(ledger, options), goodbyes }
}

describe.skipIf(!server)("a process in which nothing goes on", () => {
  // Every moment of the turns that the ends of two calls lead to.
  test.each(Array.from({ length: 40 }, (_, at) => [at % 8, Math.floor(at / 8) * 7] as const))(
    "says goodbye once and nothing after it: its last calls end %i ms apart, and it has nothing to do %i ms later",
    async (apartMs, laterMs) => {
      const clock = new VirtualClock({ startMs: 5_000 })
      const { ledger, quota, goodbyes } = oneProcess(clock)
      const call = async (tookMs: number): Promise<void> => {
        const permit = await quota.admit()
        await new Promise<void>((resolve) => void clock.setTimer(tookMs, resolve))
        permit.settle({ outcome: "success", actual: { requests: 1 } })
      }
      await clock.run(Promise.all([call(20), call(20 + apartMs)]))
      await clock.advance(laterMs)
      await clock.run(ledger.rest())
      await clock.advance(2_500)
      expect([goodbyes.at(-1), goodbyes.filter(Boolean)]).toEqual([true, [true]])
      // It was no end: who calls again is one of them again.
      await clock.run(call(20))
      await clock.advance(50)
      expect(goodbyes.at(-1)).toBe(false)
      await clock.run(ledger.close())
      expect([goodbyes.at(-1), goodbyes.filter(Boolean)]).toEqual([true, [true, true]])
    },
  )

  test("leaves before its lease is over though it is the one that learns, and the others go on", async () => {
    const clock = new VirtualClock({ startMs: 5_000 })
    const name = randomUUID()
    const [first, second] = [oneProcess(clock, name), oneProcess(clock, name)]
    const call = async (quota: Quota): Promise<void> => {
      const permit = await quota.admit()
      await new Promise<void>((resolve) => void clock.setTimer(20, resolve))
      permit.settle({ outcome: "success", actual: { requests: 1 } })
    }
    const callsOnEnd = async (): Promise<void> => {
      for (let at = 0; at < 200; at++) await call(second.quota)
    }
    await clock.run(call(first.quota))
    await clock.run(callsOnEnd())
    expect([first.goodbyes.at(-1), first.goodbyes.filter(Boolean)]).toEqual([true, [true]])
  })
})
