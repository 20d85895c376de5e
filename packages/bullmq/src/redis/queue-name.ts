import { createHash } from "node:crypto"
import type { ItemPlace, Node } from "@sluice/core"

/** All keys of ours in one slot of a cluster. */
export const prefix = "{sluice}"

/**
 * The queue of one version of a flow: its name, and a hash of its graph with the `version` of each node. A worker of another version never
 * sees its jobs.
 */
export function queueName(root: Node<never>): string {
  const hash = createHash("sha256").update(JSON.stringify(root.toJSON())).digest("hex").slice(0, 8)
  return `sluice-${root.name}-${hash}`
}

/** A short name of a JSON value. */
export function print(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(value) ?? "")
    .digest("base64url")
    .slice(0, 11)
}

/** Names the jobs of one batch of one run; BullMQ allows no colon. */
export function batchName({ runId, path, visit, params }: ItemPlace): string {
  return `${runId.replaceAll(":", "_")}-${print([runId, path, visit, params])}`
}

/** Where workers read that nobody waits for the batch any more. */
export function cancelledKey(batch: string): string {
  return `cancelled:${batch}`
}
