import { everySoOften, Upkeep } from "./upkeep.ts"
import { Listening } from "./listening.ts"
import type { Script, Store } from "./store.ts"
import { troubleOf } from "./trouble.ts"

/** What is used of `ioredis`: a `Redis` or a `Cluster`. */
export interface IoredisLike {
  readonly status: string
  readonly isCluster?: boolean
  duplicate(...options: never[]): unknown
  disconnect(reconnect?: boolean): void
}

interface IoredisConnection extends IoredisLike {
  /** Of one server. */
  readonly stream?: { unref(): void }
  duplicate(...options: unknown[]): IoredisConnection
  evalsha(sha: string, count: number, ...args: string[]): Promise<unknown>
  eval(lua: string, count: number, ...args: string[]): Promise<unknown>
  call(name: string, ...args: (string | number)[]): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: "error", listener: (error: unknown) => void): unknown
  on(event: string, listener: (...args: string[]) => void): unknown
  connect(): Promise<void>
}

/** The second: it has been let in. */
const connectedStates: ReadonlySet<string> = new Set(["connect", "ready"])

/** Two connections of our own beside the user's: one for commands that are never sent twice, one that listens. */
export function ioredisStore(client: IoredisLike): Store {
  const upkeep = new Upkeep(() => {
    for (const each of [connection, listener]) if (each.status === "end") each.connect().catch(() => {})
  })
  const retryStrategy = (attempt: number): number | undefined => upkeep.retryMs(attempt)
  const connection = duplicate(client as IoredisConnection, {
    // A command that waited for a connection, or was sent again, would be a grant to nobody.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
    lazyConnect: true,
    retryStrategy,
  })
  const listener = duplicate(client as IoredisConnection, {
    maxRetriesPerRequest: null,
    // It would not say that it was refused.
    autoResubscribe: false,
    lazyConnect: true,
    retryStrategy,
  })
  const listening = new Listening((channel) => listener.subscribe(channel))
  const ready: (() => void)[] = []
  let trouble: string | undefined
  connection.on("error", (error: unknown) => (trouble = troubleOf(error)))
  listener.on("error", () => {})
  listener.on("ready", () => listening.again())
  connection.on("ready", () => {
    trouble = undefined
    for (const hear of ready) hear()
  })
  listener.on("message", (channel = "", message = "") => listening.came(channel, message))
  for (const each of [connection, listener]) {
    each.on("connect", () => each.stream?.unref())
    each.connect().catch(() => {})
  }
  return {
    get isReady() {
      return connection.status === "ready"
    },
    get trouble() {
      return trouble
    },
    run: (script, keys, args) => runScript(connection, script, keys, args),
    command: (name, ...args) => connection.call(name, ...args),
    subscribe: (channel, hear, refused) => listening.add(channel, { hear, refused }),
    unsubscribe(channel) {
      listening.remove(channel)
      listener.unsubscribe(channel).catch(() => {})
    },
    onReady: (hear) => void ready.push(hear),
    // What is not connected looks for a connection by itself, and would end for good.
    reconnect: everySoOften(() => {
      for (const each of [connection, listener]) if (connectedStates.has(each.status)) each.disconnect(true)
    }),
    keep: (by, isNeeded) => upkeep.keep(by, isNeeded),
    close() {
      upkeep.close()
      connection.disconnect()
      listener.disconnect()
      listening.close()
      return Promise.resolve()
    },
  }
}

function duplicate(client: IoredisConnection, options: Readonly<Record<string, unknown>>): IoredisConnection {
  if (!client.isCluster) return client.duplicate(options)
  const { retryStrategy, lazyConnect, enableOfflineQueue, ...redisOptions } = options
  return client.duplicate([], {
    redisOptions,
    lazyConnect,
    clusterRetryStrategy: retryStrategy,
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
  })
}

async function runScript(
  connection: IoredisConnection,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  try {
    return await connection.evalsha(sha, keys.length, ...keys, ...args)
  } catch (error) {
    // The server has never seen it, or has forgotten it.
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error
    return connection.eval(lua, keys.length, ...keys, ...args)
  }
}
