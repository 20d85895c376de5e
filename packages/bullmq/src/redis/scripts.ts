import type { Queue, Worker } from "bullmq"

/** What BullMQ has no command for; in words that every client of it takes. */
const scripts = {
  /** KEYS[1] is ARGV[1]'s for ARGV[2] ms, if it is nobody else's; returns whose it is. */
  sluiceHold: {
    numberOfKeys: 1,
    lua: `local held = redis.call("GET", KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return ARGV[1]`,
  },
  sluiceFree: {
    numberOfKeys: 1,
    lua: `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`,
  },
  /** ARGV[1] is there, in KEYS[1]; returns who was in KEYS[2] in the last ARGV[2] ms. */
  sluiceSeen: {
    numberOfKeys: 2,
    lua: `local time = redis.call("TIME")
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZADD", KEYS[1], ms, ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return redis.call("ZRANGEBYSCORE", KEYS[2], ms - ARGV[2], "+inf")`,
  },
  /** Fields and values from ARGV[2] on are kept in KEYS[1] for ARGV[1] ms; returns whether KEYS[2] is there. */
  sluiceKeep: {
    numberOfKeys: 2,
    lua: `redis.call("HSET", KEYS[1], unpack(ARGV, 2))
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return redis.call("EXISTS", KEYS[2])`,
  },
  sluiceKept: { numberOfKeys: 1, lua: `return redis.call("HVALS", KEYS[1])` },
  /** Keys of the queue at KEYS[1] go in ARGV[1] ms: those that ARGV names from the second on. */
  sluiceAge: {
    numberOfKeys: 1,
    lua: `for index = 2, #ARGV do redis.call("PEXPIRE", KEYS[1] .. ARGV[index], ARGV[1]) end
return #ARGV - 1`,
  },
}

export type ScriptName = keyof typeof scripts

/** Runs a script of ours, with a key of a queue, on its connection. */
export async function runScript(
  queue: Queue | Worker,
  name: ScriptName,
  key: string,
  ...args: (string | number)[]
): Promise<unknown> {
  return runScriptOn(queue, name, [queue.toKey(key)], ...args)
}

/** The same with keys of any name. */
export async function runScriptOn(
  queue: Queue | Worker,
  name: ScriptName,
  keys: readonly string[],
  ...args: (string | number)[]
): Promise<unknown> {
  const client = await queue.getBackend().client
  // Defined again it is what it was: a client is asked nothing about what it knows.
  client.defineCommand(name, scripts[name])
  return client.runCommand(name, [...keys, ...args])
}

/** The queue's own keys, but for those that BullMQ ages itself: its checks wait for them to go. */
export const queueKeys = ["active", "wait", "id", "completed", "failed", "stalled", "meta", "events", "marker"] as const

/** Two days: what nobody uses for so long is nobody's. */
const keptMs = 172_800_000

/** Keys of the queue go two days after the last call. */
export async function ageKeys(queue: Queue | Worker, names: readonly string[]): Promise<void> {
  await runScript(queue, "sluiceAge", "", keptMs, ...names)
}
