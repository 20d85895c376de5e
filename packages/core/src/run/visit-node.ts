import { Work } from "../scope/work.ts"
import type { Frame } from "./frame.ts"
import { type NextAction, enter, type Node } from "../model/node.ts"
import { currentScope, runInScope } from "../scope/task-scope.ts"

/** Runs one node inside an open run. Without events when nobody listens. */
export function visitNode<Shared>(node: Node<Shared>, shared: Shared, frame: Frame): Promise<NextAction> {
  const run = frame.run
  const isPlain = !run.emit && !run.checkPost
  // A step among others that nobody watches runs in the scope of its flow: a scope of its own would carry nothing
  // new, and costs more than all the rest of the step.
  const sharesScope = isPlain && node.kind === "step" && frame.path !== ""
  const parent = sharesScope ? undefined : currentScope()
  const work = new Work(parent, frame, node.name, run.spans++, frame.spanId)
  if (sharesScope) return node[enter](shared, work)
  return isPlain ? runInScope(work, node[enter], shared, work) : observedVisit(node, shared, work)
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
