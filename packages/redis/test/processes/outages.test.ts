import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { readQuotas } from "../../src/read-quotas.ts"
import { clientOf, ending, fleetOf, program, serverOf, tell } from "./failing-fleet.ts"
import { freePort, type RedisServer } from "../redis-server.ts"
import { startProxy } from "./slow-proxy.ts"

/** As failures.test.ts, where the server goes away: a file of its own, so that the two run side by side. */
describe.skipIf(program === undefined)("a quota shared by real processes whose server goes", () => {
  test("is gone for 10 s and comes back empty: nothing meanwhile with wait, then the rate, and no herd", async () => {
    const server = await serverOf()
    const { over, warnings } = await fleetOf(3, server.url)
    process.kill(server.pid, "SIGKILL")
    const gone = await over(10_000)
    await server.restart()
    const back = await over(2_000)
    const after = await over(6_000)
    const told = await warnings()
    tell("gone, wait", { gone, back, after })
    // What was dated runs, and nothing beyond.
    expect(gone.used).toBeLessThan(0.15)
    expect(gone.refused + back.refused + after.refused).toBeLessThanOrEqual(2)
    expect(after.used).toBeGreaterThan(0.8)
    for (const code of ["store-lost", "store-back", "store-empty"])
      expect(told.filter((text) => text.startsWith(code))).toHaveLength(3)
  }, 60_000)

  test("is gone for 10 s and comes back empty: with share each goes on with its own, never above the limit", async () => {
    const server = await serverOf()
    const { over, warnings } = await fleetOf(3, server.url, { whenUnreachable: "share" })
    process.kill(server.pid, "SIGKILL")
    await sleep(4_000)
    const alone = await over(6_000)
    await server.restart()
    const back = await over(2_000)
    const after = await over(6_000)
    tell("gone, share", { alone, back, after })
    expect(alone.used).toBeGreaterThan(0.8)
    expect(alone.used).toBeLessThan(1.05)
    expect(alone.refused + back.refused + after.refused).toBeLessThanOrEqual(2)
    expect(after.used).toBeGreaterThan(0.8)
    expect((await warnings()).some((text) => text.startsWith("store-lost"))).toBe(true)
  }, 60_000)

  test("fails over to its replica", async () => {
    // Else it waits five seconds for more replicas before it sends the first one its data.
    const primary = await serverOf("--repl-diskless-sync-delay", "0")
    const replica = await serverOf("--replicaof", "127.0.0.1", String(primary.port))
    const proxy = ending(await startProxy(primary.port))
    const { over, warnings } = await fleetOf(3, proxy.url)
    const client = clientOf(replica.url)
    await expect.poll(() => client.info("replication"), { timeout: 20_000 }).toContain("master_link_status:up")
    process.kill(primary.pid, "SIGKILL")
    await sleep(1_000)
    await client.replicaof("NO", "ONE")
    proxy.leadTo(replica.port)
    const seen = await over(8_000)
    tell("failover", { seen, told: await warnings() })
    expect(seen.refused).toBeLessThanOrEqual(2)
    expect(seen.used).toBeGreaterThan(0.8)
    const [state] = await readQuotas(client)
    expect(state!.members).toHaveLength(3)
  }, 60_000)

  test("fails over, and the old primary keeps its connections as a replica: they are given up for the new one", async () => {
    const primary = await serverOf("--repl-diskless-sync-delay", "0")
    const replica = await serverOf("--replicaof", "127.0.0.1", String(primary.port))
    const proxy = ending(await startProxy(primary.port))
    const { over, warnings } = await fleetOf(3, proxy.url)
    const [old, client] = [clientOf(primary.url), clientOf(replica.url)]
    await expect.poll(() => client.info("replication"), { timeout: 20_000 }).toContain("master_link_status:up")
    await client.replicaof("NO", "ONE")
    proxy.leadNewTo(replica.port)
    await old.replicaof("127.0.0.1", String(replica.port))
    const seen = await over(8_000)
    tell("demoted", { seen, told: await warnings() })
    expect(seen.refused).toBeLessThanOrEqual(2)
    expect(seen.used).toBeGreaterThan(0.8)
    const [state] = await readQuotas(client)
    expect(state!.members).toHaveLength(3)
    // A message that only the new one hears reaches all, each of which listens to a channel of its own besides.
    await expect.poll(async () => (await client.pubsub("CHANNELS", "sluice:1:*")).length).toBe(4)
    expect(await old.pubsub("CHANNELS", "sluice:1:*")).toEqual([])
  }, 60_000)

  test("cuts all connections without a word: 10 s later they are given up, those that listen too", async () => {
    const server = await serverOf()
    const proxy = ending(await startProxy(server.port))
    const { over, warnings } = await fleetOf(3, proxy.url)
    proxy.swallow()
    const gone = await over(12_000)
    const back = await over(8_000)
    const told = await warnings()
    tell("silent cut", { gone, back, told })
    expect(gone.refused + back.refused).toBeLessThanOrEqual(2)
    expect(back.used).toBeGreaterThan(0.8)
    expect(told.filter((text) => text.startsWith("store-back"))).toHaveLength(3)
    // Two of each process: those that were given up are closed, and nobody's.
    const clients = (await clientOf(server.url).client("LIST")) as string
    expect(clients.split("\n").filter((line) => /cmd=(\(?subscribe|evalsha)/.test(line))).toHaveLength(6)
  }, 60_000)

  test("is a cluster of three nodes, of which one that does not keep it dies", async () => {
    const nodes: RedisServer[] = []
    for (let each = 0; each < 3; each++) {
      const options = [
        "--cluster-enabled",
        "yes",
        "--cluster-require-full-coverage",
        "no",
        "--cluster-node-timeout",
        "2000",
      ]
      nodes.push(await serverOf(...options, "--cluster-port", String(await freePort())))
    }
    const clients = nodes.map(({ url }) => clientOf(url))
    for (const [at, client] of clients.entries())
      await client.call("CLUSTER", "ADDSLOTSRANGE", at * 5_461, at === 2 ? 16_383 : (at + 1) * 5_461 - 1)
    for (const { port } of nodes.slice(1)) {
      const busPort = await clients[nodes.findIndex((node) => node.port === port)]!.config("GET", "cluster-port")
      await clients[0]!.call("CLUSTER", "MEET", "127.0.0.1", port, busPort[1]!)
    }
    for (const client of clients)
      while (!String(await client.call("CLUSTER", "INFO")).includes("cluster_state:ok")) await sleep(100)
    while (
      String(await clients[0]!.call("CLUSTER", "NODES"))
        .trim()
        .split("\n").length < 3
    )
      await sleep(100)

    const { over, warnings } = await fleetOf(4, nodes.map(({ url }) => url).join(","))
    const before = await over(4_000)
    const keys = await Promise.all(clients.map((client) => client.keys("sluice:1:*")))
    const keeps = keys.findIndex((each) => each.length > 0)
    process.kill(nodes[(keeps + 1) % 3]!.pid, "SIGKILL")
    const seen = await over(8_000)
    tell("cluster", { before, seen, told: await warnings(), keys: keys.map(({ length }) => length) })
    expect(keys.filter((each) => each.length > 0)).toHaveLength(1)
    expect(before.refused + seen.refused).toBe(0)
    expect(before.used).toBeGreaterThan(0.85)
    expect(seen.used).toBeGreaterThan(0.8)
  }, 90_000)
})
