import { setImmediate as moment } from "node:timers/promises"
import type { Clock } from "@sluice/core"
import type { Worker } from "bullmq"
import { expect, test } from "vitest"
import { RedisWatch } from "../../src/redis/redis-watch.ts"

function setUp() {
  let nowMs = 0
  let due = (): void => {}
  let answer = (): Promise<unknown> => Promise.resolve("OK")
  const told: string[] = []
  const clock: Clock = {
    now: () => nowMs,
    wallNow: () => nowMs,
    setTimer: (_ms: number, then: () => void) => {
      due = then
      return () => (due = () => {})
    },
  }
  const client = { set: () => answer() }
  const queue = {
    on: () => {},
    getBackend: () => ({ client: Promise.resolve(client) }),
    toKey: (key: string) => key,
  }
  const watch = new RedisWatch(queue as unknown as Worker, clock, {
    lost: (how) => told.push(`lost: ${how}`),
    gone: (how) => told.push(`gone: ${how}`),
    back: (afterMs) => told.push(`back: ${afterMs}`),
  })
  const look = async (): Promise<void> => {
    nowMs += 1_000
    due()
    await moment()
  }
  /** What each look comes to from now on: an answer, Redis's words or those of a client without a connection, or nothing. */
  const answers = (words?: string): void =>
    void (answer = () => (words === undefined ? Promise.resolve("OK") : Promise.reject(new Error(words))))
  const isSilent = (): void => void (answer = () => new Promise(() => {}))
  return { watch, told, look, answers, isSilent }
}

const full = "OOM command not allowed when used memory > 'maxmemory'."

test("a refusal is told at once and once, in Redis's words; what was refused is asked again when a look is answered, and back is told when all is taken", async () => {
  const { watch, told, look, answers } = setUp()
  await look()
  const asked: string[] = []
  const left = [full, full]
  const taken = watch.taken(() => {
    asked.push("asked")
    const words = left.shift()
    return words === undefined ? Promise.resolve("taken") : Promise.reject(new Error(words))
  })
  await moment()
  answers(full)
  await look()
  expect([asked.length, told]).toEqual([1, [`lost: has taken nothing since 00:00:01 UTC (${full.slice(0, -1)})`]])
  answers()
  // This look is answered, and what is asked again is refused again: nobody says that it is back.
  await look()
  expect([asked.length, told.length]).toEqual([2, 1])
  await look()
  expect(await taken).toBe("taken")
  expect([asked.length, told.length]).toEqual([3, 1])
  await look()
  expect(told.slice(1)).toEqual(["back: 4000"])
})

test("after three looks without success nobody waits any more, whether Redis refuses or says nothing", async () => {
  for (const words of ["READONLY You can't write against a read only replica.", undefined]) {
    const { watch, told, look, answers, isSilent } = setUp()
    if (words === undefined) isSilent()
    else answers(words)
    let left = 0
    void watch.unlessGone(new Promise(() => {})).then(() => left++)
    for (let each = 0; each < 3; each++) await look()
    expect([left, watch.gone]).toEqual([0, undefined])
    await look()
    expect([left, watch.gone]).toEqual([
      1,
      expect.stringMatching(words ? /^has taken nothing since .*replica\)$/ : /^has not answered since 00:00:00 UTC$/),
    ])
    expect(told.map((text) => text.slice(0, 4))).toEqual(["lost", "gone"])
    // Who comes later does not wait at all.
    expect(await watch.unlessGone(new Promise(() => {}))).toBeUndefined()
  }
})

test("what a connection that is cut leaves undone is asked again, without a word before three looks", async () => {
  const { watch, told, look } = setUp()
  const left = ["Connection is closed.", "Reached the max retries per request limit (which is 20). Refer to …"]
  const taken = watch.taken(() => (left.length > 0 ? Promise.reject(new Error(left.shift())) : Promise.resolve(1)))
  await moment()
  await look()
  await look()
  expect(await taken).toBe(1)
  expect(told).toEqual([])
})

test("what is not Redis's fault is thrown, and what waits is, once nobody looks any more", async () => {
  const { watch, look } = setUp()
  const refuse = (words: string) => () => Promise.reject(new Error(words))
  await expect(watch.taken(refuse("Custom Id cannot contain :"))).rejects.toThrow("Custom Id")
  const waiting = expect(watch.taken(refuse(full))).rejects.toThrow("OOM")
  await moment()
  watch.stop()
  await waiting
  await expect(watch.taken(refuse(full))).rejects.toThrow("OOM")
  await look()
})
