import type { Frame } from "./frame.ts"
import type { Graph, Vertex } from "../model/graph.ts"
import { enter } from "../model/node.ts"
import { nodePath } from "./frame.ts"
import { SluiceError } from "../errors.ts"
import { isWatched, visitNode } from "./visit-node.ts"
import { Work } from "../scope/work.ts"

/** Why this number: acyclic graphs of any size pass, and a loop that runs longer is written by mistake more often than on purpose. */
export const loopAllowance = 10_000

/** The main loop of a flow: run a node, let its action pick the next, until an action has no edge. */
export async function walk<Shared>(graph: Graph<Shared>, shared: Shared, frame: Frame): Promise<string> {
  const maxSteps = frame.run.maxSteps ?? graph.vertices.length + loopAllowance
  // Steps that nobody watches run in the scope of their flow, and get one object as their context, one after the other: a scope
  // of their own would carry nothing new, and would cost more than all the rest of the step.
  const context = isWatched(frame) ? undefined : new Work(undefined, frame, "", 0, frame.spanId)
  let vertex = graph.start
  for (let steps = 1; ; steps++) {
    if (frame.signal.aborted) throw frame.signal.reason
    if (steps > maxSteps) throw tooManySteps(frame, vertex.key, maxSteps)

    const { node } = vertex
    frame.at = node.name
    const visit =
      context && node.kind === "step" ? node[enter](shared, context.forStep(node.name)) : visitNode(node, shared, frame)
    const action = (await visit) ?? "default"

    const next = vertex.edges.get(action)
    if (next) {
      vertex = next
      continue
    }
    if (next === undefined) endWithoutEdge(graph, vertex, action, frame)
    return action
  }
}

function endWithoutEdge<Shared>(graph: Graph<Shared>, vertex: Vertex<Shared>, action: string, frame: Frame): void {
  const known = [...vertex.edges.keys()]
  if (graph.strict && action !== "default") {
    throw new SluiceError(
      "invalid-graph",
      `"${vertex.key}" returned "${action}", which has no edge (known: ${known.join(", ") || "none"}). Add edges.${vertex.key}.${action}: a node, or null to end the flow there.`,
      { details: { node: vertex.key, action, known } },
    )
  }
  const { emit, runId, spans } = frame.run
  if (!emit || known.length === 0) return
  frame.run.spans = spans + 1
  emit({
    type: "unknown-action",
    node: nodePath(frame, vertex.node.name),
    action,
    known,
    runId,
    spanId: spans,
    parentId: frame.spanId,
  })
}

function tooManySteps(frame: Frame, key: string, maxSteps: number): SluiceError {
  return new SluiceError(
    "max-steps",
    `"${frame.path}" ran ${maxSteps} nodes and would run "${key}" next: most likely a loop that never ends. Fix the action that should leave it, or raise maxSteps of run().`,
    { details: { maxSteps, node: key } },
  )
}
