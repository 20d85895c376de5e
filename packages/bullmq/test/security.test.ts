import { readFileSync } from "node:fs"
import path from "node:path"
import { Redis } from "ioredis"
import { expect, test } from "vitest"
import { startServer } from "../../redis/test/redis-server.ts"
import { findOwnServer } from "../../redis/test/suite-server.ts"
import { startTlsServer } from "../../redis/test/tls-server.ts"
import { bullExecutor, bullWorker } from "../src/index.ts"
import { countFlow, type Shared } from "./count-flow.ts"

const program = findOwnServer()
const page = readFileSync(path.join(import.meta.dirname, "../../../docs/scale-out.md"), "utf8")

async function goesThrough(connection: Parameters<typeof bullWorker>[1]["connection"]): Promise<void> {
  const worker = bullWorker(countFlow(), { connection })
  const executor = bullExecutor(countFlow(), { connection })
  const shared: Shared = { count: 50 }
  await countFlow().run(shared, { executor, runId: "run" })
  expect(shared).toMatchObject({ sum: 49 * 50, errors: [] })
  await executor.close()
  await worker.close()
}

test.skipIf(program === undefined)(
  "the page's user of Redis has the rights that workers need, and none to other keys",
  async () => {
    const [, rights] = /^user sluice-workers on >… (.*)$/m.exec(page)!
    const server = await startServer(program!)
    const admin = new Redis(server.url)
    await admin.call("ACL", "SETUSER", "sluice-workers", "on", ">secret", ...rights!.split(" "))
    // What the page says of servers that know it.
    await admin.call("ACL", "SETUSER", "sluice-workers", "+client|setinfo").catch(() => {})
    expect(page).toContain("`+client|setinfo`")
    const connection = { host: "127.0.0.1", port: server.port, username: "sluice-workers", password: "secret" }
    await goesThrough(connection)
    const redis = new Redis(connection)
    for (const command of [["SET", "other", "1"], ["GET", "other"], ["FLUSHALL"], ["CONFIG", "GET", "*"]] as const)
      await expect(redis.call(...(command as unknown as [string]))).rejects.toThrow("NOPERM")
    redis.disconnect()
    const denied = (await admin.call("ACL", "LOG")) as unknown[][]
    const commands = denied.map((entry) => entry[entry.indexOf("object") + 1])
    expect(
      commands.filter((name) => !["set", "get", "other", "flushall", "config|get"].includes(String(name))),
    ).toEqual([])
    admin.disconnect()
    await server.stop()
  },
  30_000,
)

test.skipIf(program === undefined)(
  "a batch goes over TLS; who does not know the authority is told of the certificate",
  async (context) => {
    const server = await startTlsServer(program!)
    if (!server) return context.skip("this server was built without TLS")
    const { ca, port } = server
    const connection = { host: "localhost", port, tls: { ca } }
    await goesThrough(connection)
    const said = await new Promise<string>((resolve) => {
      const stranger = bullWorker(countFlow(), {
        connection: { host: "localhost", port, tls: {} },
        onEvent: (event) => event.type === "warning" && void stranger.close().then(() => resolve(event.message)),
      })
    })
    expect(said).toMatch(/^Redis has not answered since .* UTC \(self-signed certificate in certificate chain\)/)
    await server.stop()
  },
  60_000,
)
