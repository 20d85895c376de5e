import { setTimeout as sleep } from "node:timers/promises"
import type { SluiceEvent } from "@sluice/core"
import type { Quota } from "@sluice/scheduler"
import { Redis } from "ioredis"
import { expect, onTestFinished, test } from "vitest"
import { sharedQuotas } from "../src/index.ts"
import { findServer, startServer } from "./redis-server.ts"

const program = findServer()

test.skipIf(program === undefined || program.includes("://"))(
  "several quotas with one listener tell each thing that happens to Redis once, the next time again, and each its own",
  async () => {
    const server = await startServer(program!, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    onTestFinished(() => server.stop())
    const shared = sharedQuotas({ redis: new Redis(server.url, { lazyConnect: true }), whenUnreachable: "wait" })
    onTestFinished(() => shared.close())
    const told: string[] = []
    const onEvent = ({ type, ...event }: SluiceEvent): void => {
      if (type === "warning") told.push((event as { code: string }).code)
    }
    const quotas = ["a", "b", "c"].map((name) => shared.quota(name, { requestsPerMinute: 60_000, onEvent }))
    const elsewhere: string[] = []
    const hears = (event: SluiceEvent): void => void (event.type === "warning" && elsewhere.push(event.code))
    quotas.push(shared.quota("d", { requestsPerMinute: 60_000, onEvent: hears }))
    const call = async (quota: Quota): Promise<void> => (await quota.admit()).settle({ outcome: "success" })
    const all = (): Promise<unknown> => Promise.all(quotas.map(call))
    await all()
    const once = ["store-lost", "store-back", "store-empty"]
    for (const outage of [1, 2]) {
      process.kill(server.pid, "SIGKILL")
      await sleep(100)
      const waiting = all()
      while (told.length < (outage - 1) * 3 + 2 || elsewhere.length < (outage - 1) * 3 + 2) await sleep(10)
      // Those that notice a little later.
      await sleep(300)
      await server.restart()
      await waiting
      // All of them know by then.
      while (elsewhere.length < outage * 3 + 1) await sleep(10)
      const each = ["store-evicts", ...Array.from({ length: outage }, () => once).flat()].toSorted()
      expect(told.toSorted()).toEqual(each)
      expect(elsewhere.toSorted()).toEqual(each)
    }
  },
  60_000,
)
