import { be, type Check, needed } from "@sluice/core/internal"
import type { ConnectionOptions } from "bullmq"

/** What BullMQ takes as `connection`: without one it would look for a Redis on this machine. */
export const connectionCheck: Check = needed(
  be("{ host, port }, { url } or a client, as BullMQ takes it", (value) => typeof value === "object" && value !== null),
)

/** With BullMQ's own words a server that was gone for long is looked for each 20 s, and commands that wait for it fail after 20 looks. */
const lookEveryMs = 1_000

/** What is told to BullMQ: a client stays as it is, and so does what options say of this. */
export function persistent(connection: ConnectionOptions): ConnectionOptions {
  if ("duplicate" in connection) return connection
  return { retryStrategy: () => lookEveryMs, maxRetriesPerRequest: null, ...connection }
}
