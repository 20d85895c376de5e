import { Redis } from "ioredis"
import { afterAll, beforeAll } from "vitest"
import { findServer, type RedisServer, startServer } from "./redis-server.ts"

/** As `findServer`, for tests that stop their server or rule its users: one that is given by its URL is not for them. */
export function findOwnServer(): string | undefined {
  const found = findServer()
  return found?.includes("://") ? undefined : found
}

/** A server that is there while the tests of a `describe` run. */
export interface SuiteServer extends Pick<RedisServer, "url" | "pid" | "restart"> {
  /** A client of it, made when it is first asked for. */
  readonly redis: Redis
}

/** Begins a server before the first test of the `describe` that calls this, and ends it after the last one. */
export function suiteServer(program: string | undefined, ...options: readonly string[]): SuiteServer {
  let server: RedisServer | undefined
  let redis: Redis | undefined
  beforeAll(async () => {
    if (program !== undefined) server = await startServer(program, ...options)
  })
  afterAll(async () => {
    redis?.disconnect()
    await server?.stop()
  })
  return {
    get url() {
      return server!.url
    },
    get pid() {
      return server!.pid
    },
    get redis() {
      return (redis ??= new Redis(server!.url))
    },
    restart: () => server!.restart(),
  }
}
