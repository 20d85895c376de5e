import type { Queue, Worker } from "bullmq"
import { prefix } from "./queue-name.ts"
import { runScriptOn } from "./scripts.ts"

/** Who is silent for so long is gone. */
const seenMs = 30_000

/** Says how often that who is there still is. */
export const tellEveryMs = 10_000

/**
 * Says that a process with this queue is there, as one that sends or one that works, and returns the queues that the other side has of the same
 * flow in another version: neither ever sees the other's jobs.
 */
export async function otherVersions(
  queue: Queue | Worker,
  flow: string,
  side: "coordinators" | "workers",
): Promise<readonly string[]> {
  const keyOf = (who: string): string => `${prefix}:versions:${flow}:${who}`
  const other = side === "workers" ? "coordinators" : "workers"
  const seen = await runScriptOn(queue, "sluiceSeen", [keyOf(side), keyOf(other)], queue.name, seenMs)
  return (seen as readonly string[]).filter((name) => name !== queue.name)
}
