import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import { describe, expect, test } from "vitest"
import { readQuotas, sharedQuotas } from "../src/index.ts"
import { Upkeep } from "../src/store/upkeep.ts"
import { findServer } from "./redis-server.ts"
import { suiteServer } from "./suite-server.ts"

test("while somebody waits the library looks for a lost server; else it is looked for from here, and at once when somebody comes", async () => {
  let looks = 0
  const upkeep = new Upkeep(() => looks++)
  const [one, other] = [{}, {}]
  upkeep.keep(one, true)
  upkeep.keep(other, true)
  upkeep.keep(one, false)
  expect([upkeep.retryMs(1), upkeep.retryMs(99), looks]).toEqual([20, 200, 0])
  upkeep.keep(other, false)
  expect([upkeep.retryMs(1), upkeep.retryMs(2)]).toEqual([undefined, undefined])
  while (looks === 0) await sleep(10)
  expect([looks, upkeep.retryMs(3)]).toEqual([1, undefined])
  upkeep.keep(one, true)
  expect(looks).toBe(2)
  upkeep.close()
})

const program = findServer()

describe.skipIf(program === undefined)("a process that may end", () => {
  const server = suiteServer(program)

  test("leaves the others its share, once; whoever goes on comes back", async () => {
    const redis = new Redis(server.url, { lazyConnect: true })
    await using shared = sharedQuotas({ redis })
    await using _other = sharedQuotas({ redis })
    const quota = shared.quota("leaving", { requestsPerMinute: 600 })
    const members = async () => (await readQuotas(server.redis)).find(({ name }) => name === "leaving")?.members.length
    for (const _ of [1, 2]) {
      const permit = await quota.admit()
      permit.settle({ outcome: "success" })
      expect(await members()).toBe(1)
      for (const listener of process.listeners("beforeExit")) if (listener.name === "leave") listener(0)
      await expect.poll(members, { timeout: 900 }).toBe(0)
      for (const listener of process.listeners("beforeExit")) if (listener.name === "leave") listener(0)
    }
  }, 30_000)
})
