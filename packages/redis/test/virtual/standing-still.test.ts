import { randomUUID } from "node:crypto"
import type { SluiceEvent } from "@sluice/core"
import { describe, expect, test } from "vitest"
import type { Offline } from "../../src/absence.ts"
import { member, RestingClock } from "./kit.ts"
import { realStore } from "./real-store.ts"
import type { SyncStore } from "./sync-store.ts"

const { server, store } = await realStore()

const leaseMs = 3_000
/** Calls a second, and at once. */
const [rate, burst] = [20, 5]

/** The clock of a process that can be stopped: timers that fall due meanwhile all fire when it goes on, before anything that arrived is read. */
class StoppingClock extends RestingClock {
  readonly #held: (() => void)[] = []
  isStopped = false

  override setTimer(delayMs: number, fn: () => void): () => void {
    let isCancelled = false
    const fire = (): void => {
      if (!isCancelled) fn()
    }
    const cancel = super.setTimer(delayMs, () => (this.isStopped ? void this.#held.push(fire) : fire()))
    return () => {
      isCancelled = true
      cancel()
    }
  }

  goOn(): void {
    this.isStopped = false
    for (const fire of this.#held.splice(0)) fire()
  }
}

interface Setting {
  readonly does?: Offline["does"]
  readonly forMs?: number
}

/** One process on a clock of its own making, whose server is a few milliseconds away; and what becomes of its calls. */
function oneProcess({ does = "wait", forMs = 15_000 }: Setting = {}) {
  const clock = new StoppingClock({ startMs: 5_000 })
  const fails = { with: undefined as string | undefined, isSilent: false, reconnects: [] as number[] }
  const remote: SyncStore = {
    ...store,
    async run(script, keys, args) {
      isAsked = true
      if (fails.with !== undefined) throw new Error(fails.with)
      if (fails.isSilent) await new Promise<never>(() => {})
      const answer = store.runNow(script.lua, keys, args)
      await new Promise<void>((resolve) => void clock.setTimer(5, resolve))
      isAsked = false
      return answer
    },
    reconnect: () => void fails.reconnects.push(clock.now()),
  }
  let isAsked = false
  const told: string[] = []
  const onEvent = (event: SluiceEvent): void => {
    if (event.type === "warning") told.push(`${event.code} ${event.message}`)
  }
  const starts: number[] = []
  const errors: unknown[] = []
  const quota = member(
    { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst }, onEvent },
    { store: remote, clock, name: randomUUID(), offline: { does, forMs, share: 1 }, learns: false },
  )
  // An answer that is on its way wakes it, too, and that there was none.
  const looks = [...clock.looks]
  clock.looks.clear()
  clock.looks.add(() => {
    if (!isAsked && !clock.isStopped) for (const look of looks) look()
  })
  const call = async (): Promise<void> => {
    for (;;) {
      const permit = await quota.admit().catch((error: unknown) => void errors.push(error))
      if (permit) starts.push(clock.now())
      await new Promise<void>((resolve) => void clock.setTimer(50, resolve))
      permit?.settle({ outcome: "success" })
    }
  }
  for (let each = 0; each < 20; each++) void call()
  return { clock, fails, told, starts, errors }
}

describe.skipIf(!server)("a process that stands still, or whose server says nothing of use", () => {
  for (const does of ["wait", "fail", "share"] as const)
    test(`${does}: stopped for 5 s with a turn on its way, it does not blame the server, which answered`, async () => {
      const { clock, told, starts, errors } = oneProcess({ does })
      await clock.advance(8_002)
      clock.isStopped = true
      await clock.advance(5_000)
      clock.goOn()
      const wentOnMs = clock.now()
      await clock.advance(4_000)
      expect([told, errors]).toEqual([[], []])
      const after = starts.filter((ms) => ms >= wentOnMs)
      expect(after.length).toBeGreaterThanOrEqual(0.9 * 4 * rate)
      expect(after.length).toBeLessThanOrEqual(burst + 4 * rate + 1)
    })

  test("a server that is silent after such a pause is called lost a lease later", async () => {
    const { clock, fails, told } = oneProcess()
    await clock.advance(8_000)
    clock.isStopped = true
    fails.isSilent = true
    await clock.advance(10_000)
    clock.goOn()
    await clock.advance(leaseMs - 100)
    expect(told).toEqual([])
    await clock.advance(1_200)
    expect(told).toEqual([expect.stringMatching(/^store-lost/)])
  })

  test.each([400, 1_200, 2_500])(
    "what had a time that passed while it stood still for %i ms does not start in a herd",
    async (ms) => {
      for (const offsetMs of [0, 13, 29]) {
        const { clock, starts } = oneProcess()
        await clock.advance(8_000 + offsetMs)
        clock.isStopped = true
        await clock.advance(ms)
        clock.goOn()
        const wentOnMs = clock.now()
        await clock.advance(0)
        // Before anybody was asked; what was due in the last quarter of a second runs.
        expect(starts.filter((start) => start === wentOnMs).length).toBeLessThanOrEqual(0.25 * rate + 1)
        await clock.advance(3_000)
        const after = starts.filter((start) => start >= wentOnMs)
        expect(after.length).toBeLessThanOrEqual(burst + 3.25 * rate + 1)
        expect(after.length).toBeGreaterThanOrEqual(0.9 * 3 * rate)
      }
    },
  )

  test("a primary that became a replica and keeps its connections is looked for elsewhere at once", async () => {
    const { clock, fails } = oneProcess()
    await clock.advance(4_000)
    expect(fails.reconnects).toEqual([])
    fails.with = "READONLY You can't write against a read only replica."
    await clock.advance(100)
    expect(fails.reconnects.length).toBeGreaterThan(0)
  })

  test("a server that answers with errors alone is looked for elsewhere after 10 s, and one that is silent", async () => {
    for (const how of [{ with: "BUSY Redis is busy" }, { isSilent: true }]) {
      const { clock, fails } = oneProcess()
      await clock.advance(4_000)
      Object.assign(fails, how)
      await clock.advance(9_500)
      expect(fails.reconnects).toEqual([])
      await clock.advance(2_000)
      expect(fails.reconnects.length).toBeGreaterThan(0)
    }
  })

  test("share: that the time of its share is over is told once, with what is done then", async () => {
    const { clock, fails, told, starts } = oneProcess({ does: "share" })
    await clock.advance(8_000)
    fails.with = "OOM command not allowed"
    await clock.advance(40_000)
    expect(told).toEqual([
      expect.stringMatching(/^store-lost.*goes on with 100 %/),
      expect.stringMatching(/^store-lost.*OOM.*for 15 s.*starts nothing until Redis is back/),
    ])
    expect(Math.max(...starts)).toBeLessThanOrEqual(5_000 + 8_000 + 15_000)
    fails.with = undefined
    await clock.advance(2_000)
    expect(told.slice(2)).toEqual([expect.stringMatching(/^store-back/)])
  })

  test("share: a share whose time is over before it is lost is none", async () => {
    const { clock, fails, told } = oneProcess({ does: "share", forMs: 2_000 })
    await clock.advance(8_000)
    fails.with = "OOM command not allowed"
    await clock.advance(10_000)
    expect(told).toEqual([expect.stringMatching(/^store-lost.*waits until it is back/)])
  })
})
