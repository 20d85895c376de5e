import type { SluiceEvent } from "@sluice/core"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readQuotas, sharedQuotas } from "../src/index.ts"
import { findOwnServer } from "./suite-server.ts"
import { startTlsServer, type TlsServer } from "./tls-server.ts"

const program = findOwnServer()

describe.skipIf(program === undefined)("a shared quota over TLS", () => {
  let server: TlsServer | undefined
  beforeAll(async () => {
    server = await startTlsServer(program!)
  })
  afterAll(() => server?.stop())

  test("is one quota for clients of both libraries, which know the authority", async (context) => {
    if (!server) return context.skip("this server was built without TLS")
    const { url, ca } = server
    const ioredis = new Redis(url, { tls: { ca } })
    const nodeRedis = createClient({ url, socket: { tls: true, ca } })
    const members = [sharedQuotas({ redis: ioredis }), sharedQuotas({ redis: nodeRedis })]
    const permits = await Promise.all(members.map((shared) => shared.quota("nightly", { concurrency: 2 }).admit()))
    expect(await readQuotas(ioredis)).toMatchObject([
      { name: "nightly", places: 2, running: 2, members: [{ places: 1 }, { places: 1 }] },
    ])
    for (const permit of permits) permit.settle({ outcome: "success" })
    for (const shared of members) await shared.close()
    ioredis.disconnect()
  }, 30_000)

  test.each(["ioredis", "redis"])(
    "says that the certificate is the reason, where the authority is not known: %s",
    async (library) => {
      if (!server) return
      const { url } = server
      const redis =
        library === "ioredis"
          ? new Redis(url, { lazyConnect: true })
          : createClient({ url, socket: { reconnectStrategy: false } })
      const told: SluiceEvent[] = []
      const shared = sharedQuotas({ redis, whenUnreachable: "fail" })
      const quota = shared.quota("nightly", { concurrency: 2, onEvent: (event) => void told.push(event) })
      await expect(quota.admit()).rejects.toMatchObject({ code: "store-unreachable" })
      const warnings = told.flatMap((event) => (event.type === "warning" ? [event.message] : []))
      expect(warnings).toEqual([expect.stringMatching(/Redis cannot be reached \(.*certificate.*\)/)])
      await shared.close()
    },
    30_000,
  )
})
