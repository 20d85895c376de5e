import { spawn } from "node:child_process"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { startVendor } from "@sluice/lab"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { describe, expect, onTestFinished, test } from "vitest"
import { readQuotas, sharedQuotas } from "../../src/index.ts"
import { freePort } from "../redis-server.ts"
import { clientOf, ending, program, serverOf } from "./failing-fleet.ts"

const clients = ["ioredis", "redis"] as const

describe.skipIf(program === undefined)("a script that closes nothing", () => {
  const script = (client: string, redis: string, vendor: string, calls = 3) => {
    const child = spawn(
      process.execPath,
      ["--conditions=@sluice/source", path.join(import.meta.dirname, "three-calls.ts")],
      {
        env: {
          ...process.env,
          SLUICE_CLIENT: client,
          SLUICE_REDIS: redis,
          SLUICE_VENDOR: vendor,
          SLUICE_CALLS: String(calls),
        },
        stdio: ["ignore", "pipe", "inherit"],
      },
    )
    onTestFinished(() => void child.kill("SIGKILL"))
    const done = new Promise<number>((resolve) => child.stdout.once("data", () => resolve(Date.now())))
    const ended = new Promise<readonly [number | null, number]>((resolve) =>
      child.once("close", (code) => resolve([code, Date.now()])),
    )
    return { done, ended }
  }

  test.each(clients)(
    "ends by itself after its last call, and leaves the others its share: %s",
    async (client) => {
      const server = await serverOf()
      const vendor = ending(await startVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } }))
      const { done, ended } = script(client, server.url, vendor.url)
      const doneMs = await done
      const [code, endedMs] = await ended
      expect(code).toBe(0)
      expect(endedMs - doneMs).toBeLessThan(3_000)
      expect(vendor.stats().answered).toBe(3)
      const [state] = await readQuotas(clientOf(server.url))
      expect(state).toMatchObject({ members: [], lost: 0, started: 3, running: 0 })
    },
    60_000,
  )

  test.each(clients)(
    "stays while a call waits for what others hold: %s",
    async (client) => {
      const server = await serverOf()
      const vendor = ending(await startVendor({ latency: { baseMs: 2_000, perOutputTokenMs: 0 } }))
      const first = script(client, server.url, vendor.url, 2)
      while (vendor.stats().inFlight === 0) await sleep(10)
      const second = script(client, server.url, vendor.url, 2)
      expect((await Promise.all([first.ended, second.ended])).map(([code]) => code)).toEqual([0, 0])
      expect(vendor.stats()).toMatchObject({ answered: 4, maxInFlight: 1 })
    },
    60_000,
  )

  test.each(clients)(
    "ends though no Redis answers, as nothing waits for one: %s",
    async (client) => {
      const { done, ended } = script(client, `redis://127.0.0.1:${await freePort()}`, "", 0)
      const doneMs = await done
      const [code, endedMs] = await ended
      expect(code).toBe(0)
      expect(endedMs - doneMs).toBeLessThan(3_000)
    },
    60_000,
  )

  test.each(clients)(
    "who waits for nothing finds a Redis that comes back, too: %s",
    async (client) => {
      const server = await serverOf()
      const redis =
        client === "redis" ? createClient({ url: server.url }) : new Redis(server.url, { lazyConnect: true })
      await using shared = sharedQuotas({ redis, whenUnreachable: "fail" })
      const quota = shared.quota("one", { requestsPerMinute: 600, concurrency: 1 })
      for (const _ of [1, 2]) {
        const permit = await quota.admit()
        permit.settle({ outcome: "success" })
        // Long enough to be out of it.
        await sleep(5_000)
        await server.restart()
        await sleep(1_000)
      }
      const held = await quota.admit()
      const waiting = quota.admit()
      await sleep(100)
      held.settle({ outcome: "success" })
      ;(await waiting).settle({ outcome: "success" })
      await expect.poll(async () => (await shared.read())[0]?.started).toBe(2)
    },
    60_000,
  )
})
