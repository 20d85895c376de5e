import { Redis } from "ioredis"
import { turnLua } from "../src/scripts/turn.lua.ts"
import { keysOf } from "../src/store/quota-keys.ts"
import { nothing, plus } from "../src/wire/amounts.ts"
import type { Amounts, Turn, TurnTold, Want } from "../src/wire/turn.ts"
import { startServer } from "../test/redis-server.ts"

const limits = [
  ["requests/60000", 1],
  ["tokens/60000", 2],
  ["inputTokens/60000", 3],
  ["outputTokens/60000", 4],
] as const
const told: TurnTold = {
  name: "bench",
  L: limits.map(([id, d]) => ({ id, nm: id, d, w: 60_000, limit: 1e9, kind: "bucket", j: 50 })),
  ramp: 0,
  wave: 0,
}

/** Microseconds of the server for a turn with so many reserves and settles, by its own count: in the fourth of forty rounds of 50 turns. */
export async function serverCost(program: string): Promise<string[]> {
  const server = await startServer(program)
  const redis = new Redis(server.url)
  // By its name, as members do.
  const sha = (await redis.script("LOAD", turnLua)) as string
  const rows = ["| reserves and settles in a turn | members | µs a turn | µs a call |", "|---|---|---|---|"]
  for (const [calls, members] of [
    [1, 1],
    [64, 1],
    [1, 1_000],
  ] as const) {
    await redis.flushall()
    const { keys, bus } = keysOf("0123456789abcdef")
    const want: Want = [1, 100, 100, 0, 1, 0]
    let number = 0
    let granted: Amounts = nothing
    // Limits are told to who does not know them as they are.
    let pv = 0
    const turn = async (member: string, wants: readonly Want[], introduces: boolean): Promise<void> => {
      const message: Turn = {
        p: member,
        g: granted,
        ls: 600_000,
        hz: 500,
        off: 0,
        pv,
        h: 0,
        o: 0,
        w: wants.length,
        W: wants.flat(),
        s: ++number,
        S: wants.flatMap(() => [0, 10, 10, 0, 100, 0]),
        ok: wants.length,
        oka: 100,
        le: 0,
        ...(introduces && { told, nb: "a" }),
      }
      const answer = await redis.evalsha(sha, keys.length, ...keys, JSON.stringify(message), "0", bus)
      pv = (JSON.parse(answer as string) as { readonly pv: number }).pv
      for (const [requests, input, output, usd] of wants) granted = plus(granted, [requests, input, output, usd])
    }
    for (let each = 0; each < members; each++) await turn(`m${each}`, [], true)
    const wants = Array.from({ length: calls }, () => want)
    const rounds: number[] = []
    for (let round = 0; round < 40; round++) {
      await redis.config("RESETSTAT")
      for (let each = 0; each < 50; each++) await turn("m0", wants, false)
      const stats = await redis.info("commandstats")
      rounds.push(Number(/cmdstat_evalsha:calls=\d+,usec=\d+,usec_per_call=([\d.]+)/.exec(stats)?.[1]))
    }
    // What else runs on the machine is in all but the quickest.
    const us = rounds.toSorted((a, b) => a - b)[rounds.length / 10]!
    const memory =
      calls === 1 && members === 1_000
        ? `; ${Math.round((await redis.memory("USAGE", keys[0]!))! / members)} bytes a member`
        : ""
    rows.push(`| ${calls} | ${members}${memory} | ${us.toFixed(0)} | ${(us / calls).toFixed(1)} |`)
    process.stdout.write(`${rows.at(-1)}\n`)
  }
  redis.disconnect()
  await server.stop()
  return rows
}
