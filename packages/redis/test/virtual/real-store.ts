import { afterAll } from "vitest"
import { findServer, type RedisServer, startServer } from "../redis-server.ts"
import { type SyncStore, syncStore } from "./sync-store.ts"

/** A server of the file's own and a store on it, which go when its tests are over; without a program they are skipped by `server`. */
export async function realStore(): Promise<{ readonly server: RedisServer | undefined; readonly store: SyncStore }> {
  const program = findServer()
  const server = program === undefined ? undefined : await startServer(program)
  const store = (server && (await syncStore(server.url))) as SyncStore
  afterAll(async () => {
    await store?.end()
    await server?.stop()
  })
  return { server, store }
}
