import { setTimeout as sleep } from "node:timers/promises"
import type { SluiceEvent } from "@sluice/core"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { describe, expect, onTestFinished, test } from "vitest"
import { sharedQuotas, type SharedQuotasOptions } from "../src/index.ts"
import type { Quota } from "@sluice/scheduler"
import { findOwnServer, suiteServer } from "./suite-server.ts"

const program = findOwnServer()
const rights = ["~sluice:1:*", "&sluice:1:*", "+@all"]

describe.skipIf(program === undefined)("a Redis that is there and says no", () => {
  const server = suiteServer(program)
  const allow = (...rules: string[]) => server.redis.call("ACL", "SETUSER", "one", "reset", "on", ">pw", ...rules)
  const share = async (whenUnreachable: NonNullable<SharedQuotasOptions["whenUnreachable"]>, ...rules: string[]) => {
    await server.redis.flushall()
    await allow(...rules)
    const redis = new Redis(server.url, { username: "one", password: "pw", lazyConnect: true })
    const shared = sharedQuotas({ redis, whenUnreachable })
    onTestFinished(() => shared.close())
    const warnings: string[] = []
    const onEvent = (event: SluiceEvent): void => {
      if (event.type === "warning") warnings.push(`${event.code} ${event.message}`)
    }
    const quota = shared.quota("of the test", { requestsPerMinute: 6_000, onEvent })
    return { quota, warnings, shared }
  }
  const call = async (quota: Quota): Promise<void> => (await quota.admit()).settle({ outcome: "success" })
  const until = async (is: () => boolean): Promise<void> => {
    while (!is()) await sleep(5)
  }

  test("its user may not use the keys: told once, with the rights that it needs, and a call that waits is aborted; granted, it goes on", async () => {
    const { quota, warnings } = await share("wait", "~other:*", "&*", "+@all")
    const leaving = new AbortController()
    const waiting = quota.admit({}, { signal: leaving.signal })
    const first = call(quota)
    await until(() => warnings.length > 0)
    leaving.abort(new Error("left"))
    await expect(waiting).rejects.toThrow("left")
    await sleep(300)
    expect(warnings).toEqual([
      expect.stringMatching(
        /^store-lost of the test: Redis refuses .*NOPERM.*scale-out.md.*~sluice:1:\* .*waits until/,
      ),
    ])
    // Not after a lease alone.
    await allow(...rights)
    await first
    expect(warnings.slice(1)).toEqual([expect.stringMatching(/^store-back/)])
  }, 20_000)

  test("its user may run scripts that may not write, which Redis 7.0 says in other words: told with the rights that it needs", async () => {
    const { quota, warnings } = await share("wait", ...rights, "-hset")
    const first = call(quota)
    await until(() => warnings.length > 0)
    expect(warnings).toEqual([expect.stringMatching(/^store-lost .*needs these rights \(.*scale-out.md/)])
    await allow(...rights)
    await first
  }, 20_000)

  test("fail: calls are rejected at once, with its words", async () => {
    const { quota } = await share("fail", "~other:*", "&*", "+@all")
    const error: unknown = await call(quota).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: "store-unreachable", message: expect.stringContaining("NOPERM") as string })
  }, 20_000)

  test("its scripts are refused later on: share goes on with its own after a lease, and is told before", async () => {
    const { quota, warnings } = await share("share", ...rights)
    // Who has just come has no share yet.
    for (let each = 0; each < 20; each++) await Promise.all([call(quota), sleep(200)])
    await allow("~sluice:1:*", "&*", "+@all", "-@scripting")
    const next = call(quota)
    await until(() => warnings.length > 0)
    expect(warnings).toEqual([expect.stringMatching(/^store-lost.*refuses.*NOPERM.*goes on with the share/)])
    await next
    expect(warnings[1]).toMatch(/^store-lost.*NOPERM.*goes on with 100 % of the limits/)
  }, 20_000)

  test("its password is another one by now", async () => {
    const { quota, warnings } = await share("wait", ...rights)
    await call(quota)
    await server.redis.call("ACL", "SETUSER", "one", "resetpass", ">other")
    await server.redis.call("CLIENT", "KILL", "USER", "one")
    const next = call(quota)
    await until(() => warnings.length > 0)
    expect(warnings).toEqual([expect.stringMatching(/^store-lost.*refuses.*WRONGPASS.*password/)])
    await server.redis.call("ACL", "SETUSER", "one", ">pw")
    await next
  }, 20_000)

  test("its keys were overwritten by another program: the quota begins anew", async () => {
    for (const name of ["q", "seen", "told", "places", "heard", "lost", "asking"]) {
      const { quota, warnings, shared } = await share("wait", ...rights)
      await call(quota)
      const [key] = await server.redis.keys("sluice:1:*:q")
      await server.redis.set(key!.replace(/q$/, name), "other")
      // A turn of several calls reads and writes all keys that it has.
      await Promise.all(Array.from({ length: 20 }, () => call(quota)))
      await sleep(50)
      const told = warnings.map((text) => /^(\S+) .*?(WRONGTYPE|answers|lost)/.exec(text)?.slice(1).join(" "))
      const healed = ["store-lost WRONGTYPE", "store-back answers", "store-empty lost"]
      expect([name, told]).toEqual([name, told.length === 0 && name !== "q" ? [] : expect.arrayContaining(healed)])
      await shared.close()
    }
  }, 30_000)

  for (const [library, clientOf] of [
    ["ioredis", () => new Redis(server.url, { username: "one", password: "pw", lazyConnect: true })],
    ["node-redis", () => createClient({ url: server.url, username: "one", password: "pw" })],
  ] as const)
    test(`${library}: messages are refused: told once, with the right that is missing; all goes on, and granted they come`, async () => {
      await server.redis.flushall()
      await allow("resetchannels", "~sluice:1:*", "+@all")
      const events: SluiceEvent[] = []
      const onEvent = (event: SluiceEvent): void => void events.push(event)
      const told = (): string[] =>
        events.flatMap((event) => (event.type === "warning" ? `${event.code} ${event.message}` : []))
      const [first, second] = [0, 1].map((each) => {
        const shared = sharedQuotas({ redis: clientOf(), whenUnreachable: "wait" })
        onTestFinished(() => shared.close())
        return shared.quota("of the test", { concurrency: 2, ...(each === 1 && { onEvent }) })
      })
      await until(() => told().length > 0)
      expect(told()).toEqual([expect.stringMatching(/^no-messages of the test: .*NOPERM.*&sluice:1:\*/)])
      // Each waits for places that the other gives back.
      await Promise.all([first!, second!].flatMap((quota) => Array.from({ length: 20 }, () => call(quota))))
      const [running, refused] = [await second!.admit(), await first!.admit()]
      refused.settle({ outcome: "throttled", reason: "rate", retryAfterMs: 60_000 })
      await until(() => events.some(({ type }) => type === "gate-close"))
      running.settle({ outcome: "success" })
      const listeners = async (): Promise<number> =>
        ((await server.redis.call("PUBSUB", "CHANNELS", "sluice:1:*")) as string[]).length
      await allow(...rights)
      while ((await listeners()) < 3) await sleep(20)
      // It is taken again, and this time while somebody listens.
      await allow("resetchannels", "~sluice:1:*", "+@all")
      while ((await listeners()) > 0) await sleep(20)
      await allow(...rights)
      while ((await listeners()) < 3) await sleep(20)
      expect(told()).toHaveLength(1)
    }, 60_000)

  test("names that are no whole text are names", async () => {
    const { quota, shared } = await share("fail", ...rights)
    await call(quota)
    await call(shared.quota("half \ud800 a letter", { requestsPerMinute: 60 }))
    await call(shared({ name: "x", requestsPerMinute: 60 }, { vendor: "v", account: "a\ud800", model: "m\udfff" }))
    const names = (await shared.read()).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(["half \ufffd a letter", "v/m\ufffd"]))
  }, 20_000)
})
