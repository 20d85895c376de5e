import { setTimeout as sleep } from "node:timers/promises"
import { openJournal } from "@sluice/journal"
import { Redis } from "ioredis"
import { beforeEach, describe, expect, test } from "vitest"
import { findServer } from "../../../redis/test/redis-server.ts"
import { suiteServer } from "../../../redis/test/suite-server.ts"
import { ended, linesOf, startSluice } from "../command/sluice.ts"
import { type AskedVendor, askedVendor, toldIndexes } from "./asked-and-told.ts"
import { fileOfInputs, modelAt, type StartedWorker, startSluiceWorker } from "./fleet.ts"

const program = findServer()
// SLUICE_CHAOS=20 for a long run of 5,000 items.
const kills = Number(process.env["SLUICE_CHAOS"] ?? 4)
const items = kills > 4 ? kills * 250 : 400
/** Items that a worker is at, at a time. */
const places = 16

interface KeyedWorker extends StartedWorker {
  /** The vendor knows it by this. */
  readonly key: string
}

/** What is asked again after a worker's death is what the vendor had not answered, and what was answered and in no place where others find it. */
describe.skipIf(program === undefined)("SIGKILL under sluice run --workers, by the vendor's own books", () => {
  const server = suiteServer(program)
  let redis: Redis
  beforeEach(async () => {
    await server.restart()
    redis = new Redis(server.url)
    return () => redis.disconnect()
  })

  const place = (count: number, vendor: AskedVendor) => {
    const at = ["--redis", server.url, "--base-url", `${vendor.url}/v1`]
    const { folder, args, out } = fileOfInputs(count, ...modelAt(vendor.url), "--redis", server.url, "--workers", "-q")
    let workers = 0
    return {
      out,
      run: () => startSluice(args, folder),
      worker: async (): Promise<KeyedWorker> => {
        const key = `key-${workers++}`
        // Who stands still for a moment has lost nothing.
        const more = ["--concurrency", String(places), "--lock-s", "8"]
        return { key, ...(await startSluiceWorker([...at, ...more], folder, { SLUICE_API_KEY: key })) }
      },
    }
  }
  /** Ends it between two moments of this process, so that the vendor's books are of the moment of its death. */
  const kill = async (worker: KeyedWorker, vendor: AskedVendor) => {
    worker.child.kill("SIGKILL")
    const answered = new Set(vendor.answeredTo(worker.key))
    await worker.ended
    return { key: worker.key, answered }
  }

  test("each answer is in Redis while the vendor holds back those that run beside it: what it held back is asked again, and nothing else", async () => {
    const count = 80
    const answers = Array.from({ length: count }, () => Promise.withResolvers<void>())
    let isOpen = false
    const vendor = await askedVendor((index) => (isOpen ? Promise.resolve() : answers[index]!.promise))
    const { out, run, worker } = place(count, vendor)
    const first = await worker()
    const running = ended(run())
    const asked = vendor.askedBy(first.key)
    const open = (): number[] => [...asked].filter((index) => !given.has(index))
    // Some by themselves, to be timed, and then some together.
    const given = new Set<number>()
    while (given.size < 45 || open().length < 2) {
      while (open().length === 0) await sleep(5)
      // The last that came: those beside it were there before it, and stay.
      const index = open().at(-1)!
      given.add(index)
      answers[index]!.resolve()
      while (!(await toldIndexes(redis, `${out}.journal`)).has(index)) await sleep(5)
    }
    const { answered } = await kill(first, vendor)
    isOpen = true
    const second = await worker()
    expect((await running).code).toBe(0)
    expect(answered).toEqual(given)
    const heldBack = open()
    const again = [...vendor.calls].flatMap(([index, times]) => (times > 1 ? [index] : []))
    const byNumber = (a: number, b: number): number => a - b
    expect(again.sort(byNumber)).toEqual(heldBack.sort(byNumber))
    second.child.kill("SIGTERM")
    await second.ended
  }, 120_000)

  test(
    `${kills} random SIGKILLs of workers and run: each of ${items} items has one result, and what is repeated was unanswered, or nobody else could know the answer`,
    async () => {
      const vendor = await askedVendor(() => sleep(100))
      const { out, run: startRun, worker: startWorker } = place(items, vendor)
      const workers = [await startWorker(), await startWorker()]
      let run = startRun()
      const deaths: { key: string; answered: ReadonlySet<number>; told: ReadonlySet<number> }[] = []
      for (let death = 0; death < kills; death++) {
        // Somewhere in the part of the items that belongs to this death.
        const target = Math.max(1, ((death + Math.random()) * items) / (kills + 1))
        while (vendor.answered() < target && run.exitCode === null) await sleep(3)
        await sleep(Math.random() * 200)
        if (Math.random() < 0.4) {
          run.kill("SIGKILL")
          await ended(run)
          run = startRun()
        } else {
          const [worker] = workers.splice(Math.random() < 0.5 ? 0 : 1, 1)
          deaths.push({ ...(await kill(worker!, vendor)), told: await toldIndexes(redis, `${out}.journal`) })
          workers.push(await startWorker())
        }
      }
      expect((await ended(run)).code).toBe(0)
      const lines = linesOf(out)
      expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: items }, (_, index) => index))
      for (const { index, output } of lines) expect(output).toBe(`Say word ${String(index)}.`)
      const journal = openJournal({ path: `${out}.journal`, readOnly: true })
      expect(journal.runs()).toMatchObject([{ status: "ok", ok: items, failed: 0 }])
      await journal.close()
      // A run that is killed repeats nothing.
      const mayRepeat = new Map<number, number>()
      const counts = { workers: deaths.length, unanswered: 0, untold: 0, repeated: 0, cut: vendor.cut() }
      for (const { key, answered, told } of deaths) {
        const open = [...vendor.askedBy(key)].filter((index) => !told.has(index))
        expect(open.length).toBeLessThanOrEqual(places)
        for (const index of open) {
          mayRepeat.set(index, (mayRepeat.get(index) ?? 0) + 1)
          if (answered.has(index)) counts.untold++
          else counts.unanswered++
        }
      }
      for (const [index, times] of vendor.calls) {
        counts.repeated += times - 1
        expect([index, times - 1]).toEqual([index, expect.toSatisfy((more) => more <= (mayRepeat.get(index) ?? 0))])
      }
      if (kills > 4) process.stderr.write(`${JSON.stringify({ items, kills, ...counts })}\n`)
    },
    120_000 + kills * 30_000,
  )
})
