import { Work } from "../scope/work.ts"
import type { Frame } from "./frame.ts"
import { type NextAction, enter, type Node } from "../model/node.ts"
import { currentScope, runInScope } from "../scope/task-scope.ts"

/** Runs one node inside an open run, in a scope of its own. Without events when nobody listens. */
export function visitNode<Shared>(node: Node<Shared>, shared: Shared, frame: Frame): Promise<NextAction> {
  const { run } = frame
  const work = new Work(currentScope(), frame, node.name, run.spans++, frame.spanId)
  return isWatched(frame) ? observedVisit(node, shared, work) : runInScope(work, node[enter], shared, work)
}

/** Whether something is done about a visit beside the visit itself. */
export function isWatched({ run }: Frame): boolean {
  return run.emit !== undefined || run.checkPost !== undefined
}

async function observedVisit<Shared>(node: Node<Shared>, shared: Shared, work: Work): Promise<NextAction> {
  const { emit, checkPost, runId } = work.frame.run
  const span = { runId, spanId: work.spanId, parentId: work.parentId, node: work.path }
  emit?.({ type: "node-start", kind: node.kind, params: work.params, ...span })
  try {
    const action = await runInScope(work, node[enter], shared, work)
    await checkPost?.(shared, work.path)
    emit?.({ type: "node-end", status: "ok", action: action ?? "default", ...span })
    return action
  } catch (error) {
    emit?.({ type: "node-end", status: work.signal.aborted ? "cancelled" : "failed", error, ...span })
    throw error
  }
}
