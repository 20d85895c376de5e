import { type Frame, recordPath } from "./frame.ts"

/** How often `node` ran before in this run of its flow, and one more from now on. */
export function countVisit(frame: Frame, node: string): number {
  const before = frame.visits?.get(node) ?? 0
  frame.visits?.set(node, before + 1)
  return before
}

/** The record path inside `node`: later visits get a path of their own, so that loops around a flow do not mix. */
export function innerRecord(frame: Frame, node: string): string {
  if (!frame.visits) return ""
  const visit = countVisit(frame, node)
  return recordPath(frame, node) + (visit === 0 ? "" : `#${visit}`)
}
