import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads"
import type { Store } from "../../src/store/store.ts"

/** A store whose answers are there at once: the server is real, and virtual time stands still while it works. */
export interface SyncStore extends Store {
  run: (this: void, ...args: Parameters<Store["run"]>) => Promise<unknown>
  runNow(lua: string, keys: readonly string[], args: readonly string[]): unknown
  commandNow(...args: readonly (string | number)[]): unknown
  /** Turns whose answers get lost from now on. */
  losesAnswers: (turn: string) => boolean
  end(): Promise<void>
}

interface Reply {
  readonly value?: unknown
  readonly error?: string
  readonly messages: readonly (readonly [string, string])[]
}

export async function syncStore(url: string): Promise<SyncStore> {
  const { port1, port2 } = new MessageChannel()
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL("sync-store-worker.ts", import.meta.url), {
    workerData: { url, flag, port: port2 },
    transferList: [port2],
  })
  await new Promise((resolve) => worker.once("message", resolve))
  worker.unref()
  const hearers = new Map<string, Set<(message: string) => void>>()
  const now = (request: unknown): unknown => {
    Atomics.store(flag, 0, 0)
    port1.postMessage(request)
    Atomics.wait(flag, 0, 0)
    const { value, error, messages } = receiveMessageOnPort(port1)!.message as Reply
    for (const [channel, message] of messages)
      for (const hear of hearers.get(channel) ?? []) queueMicrotask(() => hear(message))
    if (error !== undefined) throw new Error(error)
    return value
  }
  const store: SyncStore = {
    isReady: true,
    losesAnswers: () => false,
    runNow: (lua, keys, args) => now({ eval: [lua, keys.length, ...keys, ...args] }),
    commandNow: (...args) => now({ call: args }),
    run: async ({ lua }, keys, args) => {
      const value = store.runNow(lua, keys, args)
      if (store.losesAnswers(args[0]!)) throw new Error("The answer is lost.")
      return value
    },
    command: async (...args) => now({ call: args }),
    subscribe(channel, hear) {
      hearers.set(channel, (hearers.get(channel) ?? new Set()).add(hear))
      now({ subscribe: channel })
    },
    unsubscribe: (channel) => void hearers.delete(channel),
    onReady: () => {},
    reconnect: () => {},
    keep: () => {},
    close: () => Promise.resolve(),
    end: async () => {
      await worker.terminate()
    },
  }
  return store
}
