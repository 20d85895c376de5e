import { readFileSync } from "node:fs"
import path from "node:path"
import { Redis } from "ioredis"
import { expect, test } from "vitest"
import { readQuotas, setSharedLimits, sharedQuotas } from "../src/index.ts"
import { startServer } from "./redis-server.ts"
import { findOwnServer } from "./suite-server.ts"

const program = findOwnServer()
const page = readFileSync(path.join(import.meta.dirname, "../../../docs/scale-out.md"), "utf8")

test.skipIf(program === undefined)(
  "the page's user of Redis has the rights that a shared quota needs, and no others",
  async () => {
    const [, rights] = /^user sluice on >… (.*)$/m.exec(page)!
    const server = await startServer(program!)
    const admin = new Redis(server.url)
    await admin.call("ACL", "SETUSER", "sluice", "on", ">secret", ...rights!.split(" "))
    const redis = new Redis(server.url, { username: "sluice", password: "secret", enableReadyCheck: false })
    const shared = sharedQuotas({ redis, whenUnreachable: "fail" })
    const warnings: string[] = []
    const onEvent = (event: { type: string; code?: string }): void =>
      void (event.type === "warning" && warnings.push(event.code!))
    const quota = shared.quota("of the test", { requestsPerMinute: 600, concurrency: 3, onEvent })
    for (let each = 0; each < 5; each++) (await quota.admit()).settle({ outcome: "success" })
    const [state] = await readQuotas(redis)
    expect(state).toMatchObject({ name: "of the test", started: 5 })
    await setSharedLimits(redis, "of the test", { requestsPerMinute: 300 })
    for (const command of [["SET", "other", "1"], ["GET", "other"], ["FLUSHALL"], ["CONFIG", "GET", "*"]] as const)
      await expect(redis.call(...(command as unknown as [string]))).rejects.toThrow("NOPERM")
    expect(warnings).toEqual([])
    await shared.close()
    redis.disconnect()
    admin.disconnect()
    await server.stop()
  },
  30_000,
)
