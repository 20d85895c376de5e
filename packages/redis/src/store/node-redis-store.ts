import { everySoOften, Upkeep } from "./upkeep.ts"
import { Listening } from "./listening.ts"
import type { Script, Store } from "./store.ts"
import { troubleOf } from "./trouble.ts"

/** What is used of `redis` (node-redis): a client, or a cluster. */
export interface NodeRedisLike {
  duplicate(...overrides: never[]): unknown
  sendCommand(...args: never[]): unknown
}

interface NodeRedisCall {
  readonly keys: string[]
  readonly arguments: string[]
}

interface NodeRedisConnection {
  readonly options?: { readonly socket?: object }
  readonly isReady?: boolean
  readonly isOpen: boolean
  duplicate(overrides?: object): NodeRedisConnection
  sendCommand(args: string[]): Promise<unknown>
  evalSha(sha: string, call: NodeRedisCall): Promise<unknown>
  eval(lua: string, call: NodeRedisCall): Promise<unknown>
  subscribe(channel: string, hear: (message: string, channel: string) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: string, listener: (error?: unknown) => void): unknown
  connect(): Promise<unknown>
  destroy(): void
  /** Of one server. */
  unref?(): void
}

/** Two connections of our own beside the user's: one for commands that are never sent twice, one that listens. */
export function nodeRedisStore(client: NodeRedisLike): Store {
  const from = client as unknown as NodeRedisConnection
  const upkeep = new Upkeep(() => {
    if (!connection.isOpen) connection.connect().catch(() => {})
    if (!listener.isOpen) void listen(listener).then(() => listening.again())
  })
  const reconnectStrategy = (attempt: number): number | false => upkeep.retryMs(attempt) ?? false
  const socket = { ...from.options?.socket, reconnectStrategy }
  const ready: (() => void)[] = []
  let trouble: string | undefined
  const hear = (message: string, channel: string): void => listening.came(channel, message)
  const listening = new Listening((channel) => connected.then(() => listener.subscribe(channel, hear)))
  const openConnection = (): NodeRedisConnection => {
    // A command that waited for a connection would be a grant to nobody.
    const opened = from.duplicate({ disableOfflineQueue: true, socket })
    opened.on("error", (error) => (trouble = troubleOf(error)))
    opened.on("ready", () => {
      trouble = undefined
      for (const hear of ready) hear()
    })
    opened.unref?.()
    opened.connect().catch(() => {})
    return opened
  }
  const listen = (to: NodeRedisConnection): Promise<unknown> => to.connect().catch(() => {})
  let connected: Promise<unknown>
  const openListener = (): NodeRedisConnection => {
    const opened = from.duplicate({ socket })
    opened.on("error", (error) => listening.failed(error))
    opened.unref?.()
    connected = listen(opened)
    return opened
  }
  let connection = openConnection()
  let listener = openListener()
  return {
    get isReady() {
      return isConnected(connection)
    },
    get trouble() {
      return trouble
    },
    run: (script, keys, args) => runScript(connection, script, { keys: [...keys], arguments: [...args] }),
    command: (name, ...args) => connection.sendCommand([name, ...args.map(String)]),
    subscribe: (channel, hear, refused) => listening.add(channel, { hear, refused }),
    unsubscribe(channel) {
      listening.remove(channel)
      void connected.then(() => listener.unsubscribe(channel)).catch(() => {})
    },
    onReady: (hear) => void ready.push(hear),
    // What is not connected looks for a connection by itself; one that is given up meanwhile would be left behind.
    reconnect: everySoOften(() => {
      if (isConnected(connection)) {
        connection.destroy()
        connection = openConnection()
      }
      if (isConnected(listener)) {
        listener.destroy()
        listener = openListener()
        listening.again()
      }
    }),
    keep: (by, isNeeded) => upkeep.keep(by, isNeeded),
    close() {
      upkeep.close()
      if (connection.isOpen) connection.destroy()
      if (listener.isOpen) listener.destroy()
      listening.close()
      return Promise.resolve()
    },
  }
}

/** A cluster says only that it is open. */
function isConnected({ isReady, isOpen }: NodeRedisConnection): boolean {
  return isReady ?? isOpen
}

async function runScript(connection: NodeRedisConnection, { lua, sha }: Script, call: NodeRedisCall): Promise<unknown> {
  try {
    return await connection.evalSha(sha, call)
  } catch (error) {
    // The server has never seen it, or has forgotten it.
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error
    return connection.eval(lua, call)
  }
}
