import { createHash } from "node:crypto"

/** A Lua script and its name at the server. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script(lua: string): Script {
  return { lua, sha: createHash("sha1").update(lua).digest("hex") }
}

/** What is needed of a Redis client, whichever it is. */
export interface Store {
  /** Whether a command would be sent now. */
  readonly isReady: boolean
  /** What was in the way of the last try to connect, if something is. */
  readonly trouble?: string | undefined
  /** Runs a script. Rejects at once without a connection, and never sends anything twice. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>
  /** Any other command. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>
  /** `refused`: nothing will be heard, as the server says no, in these words. */
  subscribe(channel: string, hear: (message: string) => void, refused: (said: string) => void): void
  unsubscribe(channel: string): void
  /** Called whenever the connection is (again) there. */
  onReady(hear: () => void): void
  /** Makes new connections in place of those that are there, as they answer no more, or not as they should. Asked for more often, it does so every few seconds. */
  reconnect(): void
  /** While somebody needs an answer the process stays, and the server is looked for; idle connections keep no process. */
  keep(by: object, isNeeded: boolean): void
  close(): Promise<void>
}
