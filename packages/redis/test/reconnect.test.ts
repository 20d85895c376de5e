import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { describe, expect, onTestFinished, test } from "vitest"
import { storeOf } from "../src/store/store-of.ts"
import { findOwnServer, suiteServer } from "./suite-server.ts"

const program = findOwnServer()

describe.skipIf(program === undefined)("the connections of a store", () => {
  const server = suiteServer(program)
  const connections = async (): Promise<string[]> =>
    ((await server.redis.client("LIST")) as string)
      .trim()
      .split("\n")
      .map((line) => /\bid=(\d+)/.exec(line)![1]!)

  for (const [library, clientOf] of [
    ["ioredis", () => new Redis(server.url, { lazyConnect: true })],
    ["node-redis", () => createClient({ url: server.url })],
  ] as const)
    test(`${library}: both are made anew when it is asked for, at most every few seconds, and none is left behind`, async () => {
      const before = await connections()
      const own = async (): Promise<string[]> => (await connections()).filter((id) => !before.includes(id))
      const store = storeOf(clientOf())
      onTestFinished(() => store.close())
      const heard: string[] = []
      store.subscribe(
        "sluice:1:test",
        (message) => heard.push(message),
        () => {},
      )
      // They are on their way, and go on.
      store.reconnect()
      const isHeard = async (message: string): Promise<void> => {
        await expect.poll(() => server.redis.publish("sluice:1:test", message), { timeout: 5_000 }).toBe(1)
        await expect.poll(() => heard).toContain(message)
      }
      await isHeard("first")
      await expect.poll(() => store.isReady).toBe(true)
      const first = await own()
      expect(first).toHaveLength(2)
      store.reconnect()
      await sleep(100)
      expect(await own()).toEqual(first)
      await sleep(3_000)
      store.reconnect()
      store.reconnect()
      await expect.poll(async () => (await own()).filter((id) => first.includes(id))).toEqual([])
      await isHeard("second")
      await expect.poll(() => store.isReady).toBe(true)
      await store.command("PING")
      const second = await own()
      expect(second).toHaveLength(2)
      await store.close()
      await expect.poll(own).toEqual([])
      expect(heard.filter((message) => message === "second")).toHaveLength(1)
    }, 30_000)
})
