import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Clock } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { LocalLedger, type Quota, quotaOn } from "../../src/index.ts"

/** Lets nobody start, and says of nothing when it will. */
class MuteLedger extends LocalLedger {
  override fits(): boolean {
    return false
  }

  override block(): { by: string; dimension: "gate"; ms: number } {
    return { by: "the gate", dimension: "gate", ms: Infinity }
  }
}

const oneAtATime = { requestsPerMinute: { limit: 60, kind: "bucket", burst: 1 } } as const

/** A quota that asks `clock` for its timers, which are counted as they are due there. */
function timedBy(clock: VirtualClock, lateMs: number): Quota {
  return awakeQuota({ ...oneAtATime, clock }, (options) => {
    const late: Clock = {
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
      setTimer: (delayMs, fn) => options.clock!.setTimer(delayMs + lateMs, fn),
    }
    return quotaOn(new LocalLedger(options), { ...options, clock: late })
  })
}

it("tells a call that waits for a gate without an end, whatever timer runs", async () => {
  const clock = new VirtualClock()
  const quota = awakeQuota({ clock }, (options) => quotaOn(new MuteLedger(options), options))
  const why = "1 wait (gate open) for the gate, which no time brings, nothing runs and"
  await expect(quota.admit()).rejects.toThrow(`${why} no timer is set: nothing ever wakes them`)
  // The end of its patience is a timer, and no way in.
  const patient = awakeQuota({ clock }, (options) => quotaOn(new MuteLedger(options), options))
  await expect(patient.admit({}, { maxWaitMs: 5_000 })).rejects.toThrow(`${why} the first timer is due in 1000 ms`)
})

it("tells a call that waits for time while a long one runs, if no timer is set", async () => {
  const quota = timedBy(new VirtualClock(), Infinity)
  await quota.admit()
  await expect(quota.admit()).rejects.toThrow(
    "1 wait (gate open) for requestsPerMinute, which comes in 1000 ms, and no timer is set: nothing wakes them in time",
  )
})

it("tells a timer that is due too late; a second more is no fault", async () => {
  const late = timedBy(new VirtualClock(), 1_001)
  await late.admit()
  await expect(late.admit()).rejects.toThrow(
    "for requestsPerMinute, which comes in 1000 ms, and the first timer is due in 2001 ms: nothing wakes them in time",
  )
  const clock = new VirtualClock()
  const justInTime = timedBy(clock, 1_000)
  await justInTime.admit()
  await clock.run(justInTime.admit())
  expect(clock.now()).toBe(2_000)
})

it("makes the quotas of all tests of this package", () => {
  const root = join(import.meta.dirname, "..")
  const others = globSync("**/*.test.ts", { cwd: root }).filter((file) =>
    /import \{[^}]*\bcreateQuota\b[^}]*\} from "/.test(readFileSync(join(root, file), "utf8")),
  )
  // What is wrong with the options has no quota.
  expect(others).toEqual(["misspelt-options.test.ts"])
})
