import { hash } from "node:crypto"
import type { ItemPlace, Node } from "@sluice/core"

/** All keys of ours in one slot of a cluster. */
export const prefix = "{sluice}"

/**
 * The queue of one version of a flow: its name, and a hash of its graph with the `version` of each node. A worker of another version never
 * sees its jobs.
 */
export function queueName(root: Node<never>): string {
  return `sluice-${root.name}-${hash("sha256", JSON.stringify(root.toJSON()), "hex").slice(0, 8)}`
}

/** A short name of a JSON value. */
export function print(value: unknown): string {
  return printOf(JSON.stringify(value))
}

/** The same of its text. In one go: an object for each hash would live in memory of its own until the next great collection. */
export function printOf(json: string | undefined): string {
  return hash("sha256", json ?? "", "base64url").slice(0, 11)
}

/** Names the jobs of one batch of one run; BullMQ allows no colon. */
export function batchName({ runId, path, visit, params }: ItemPlace): string {
  return `${runId.replaceAll(":", "_")}-${print([runId, path, visit, params])}`
}

/** What stands there while no more than what waits is taken back. */
export const withdrawnMark = "waiting"

/** Where workers read that nobody waits for the batch any more. */
export function cancelledKey(batch: string): string {
  return `cancelled:${batch}`
}
