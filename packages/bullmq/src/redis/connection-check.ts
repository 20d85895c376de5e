import { be, type Check, needed } from "@sluice/core/internal"

/** What BullMQ takes as `connection`: without one it would look for a Redis on this machine. */
export const connectionCheck: Check = needed(
  be("{ host, port }, { url } or a client, as BullMQ takes it", (value) => typeof value === "object" && value !== null),
)
