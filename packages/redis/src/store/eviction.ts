import type { Store } from "./store.ts"

/** The policy by which the server throws keys away when its memory is full, if it does. */
export async function evictionOf(store: Store): Promise<string | undefined> {
  const info = String(await store.command("INFO", "memory"))
  const [, most = "0"] = /^maxmemory:(\d+)/m.exec(info) ?? []
  const [, policy = "noeviction"] = /^maxmemory_policy:(\S+)/m.exec(info) ?? []
  return most !== "0" && policy !== "noeviction" ? policy : undefined
}
