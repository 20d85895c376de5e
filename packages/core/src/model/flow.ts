import type { NodeContext } from "../scope/context.ts"
import type { Work } from "../scope/work.ts"
import { checkNode, nodeName } from "../items/item-checks.ts"
import { anything, callable, flag, having, invalidOption, needed, recordOf, type Shape } from "../options.ts"
import { createGraph, type GraphSource } from "./graph.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import { type ActionsOf, type NextAction, enter, inside, type Node, type NodeJSON } from "./node.ts"
import { innerFrame } from "../run/inner-frame.ts"
import { createNode } from "./create-node.ts"
import type { Kit } from "./kit.ts"
import { innerRecord } from "../run/frame.ts"
import { walk } from "../run/walk.ts"

/** The nodes of a flow, by the keys that `start` and `edges` speak of. */
export type FlowNodes<Shared> = Readonly<Record<string, Node<Shared>>>

/** The nodes whose actions the compiler knows one by one. */
type Decided<Nodes> = {
  [Key in keyof Nodes]: ActionsOf<Nodes[Key]> extends never ? never : string extends ActionsOf<Nodes[Key]> ? never : Key
}[keyof Nodes]

/** Edges by node and action, to a node, or `null` to end the flow there. With `strict`, each action that a `post` may return needs one. */
export type FlowEdges<Nodes, Strict extends boolean> = Strict extends true
  ? {
      readonly [Key in Decided<Nodes>]: {
        readonly [Action in ActionsOf<Nodes[Key]>]: (keyof Nodes & string) | null
      } & { readonly default?: (keyof Nodes & string) | null }
    } & {
      readonly [Key in Exclude<keyof Nodes, Decided<Nodes>>]?: {
        readonly [Action in ActionsOf<Nodes[Key]> | "default"]?: (keyof Nodes & string) | null
      }
    }
  : {
      readonly [Key in keyof Nodes]?: {
        readonly [Action in ActionsOf<Nodes[Key]> | "default"]?: (keyof Nodes & string) | null
      }
    }

export interface FlowOptions<
  Shared,
  P,
  Nodes extends FlowNodes<Shared>,
  Strict extends boolean,
  Prepared,
  Reply extends NextAction,
> {
  readonly name: string
  readonly nodes: Nodes
  readonly start: keyof NoInfer<Nodes> & string
  readonly edges?: FlowEdges<NoInfer<Nodes>, Strict>
  /** Every action but a plain `"default"` needs an edge, checked by the compiler and at run time. Default false. */
  readonly strict?: Strict
  readonly prep?: (shared: Shared, context: NodeContext<P>) => MaybePromise<Prepared>
  /** Gets the flow's last action and may return another one. Without it the flow returns the last action. */
  readonly post?: (shared: Shared, prepared: Prepared, action: string, context: NodeContext<P>) => MaybePromise<Reply>
}

/** The actions that a flow may return: those of its `post`, or else those of its nodes. */
export type FlowAction<Nodes, Reply> = [Reply] extends [never]
  ? { [Key in keyof Nodes]: ActionsOf<Nodes[Key]> }[keyof Nodes]
  : Extract<Reply, string>

/** A flow as the engine sees it. */
interface PlainFlow<Shared> extends GraphSource<Shared> {
  readonly prep?: (shared: Shared, context: NodeContext) => unknown
  readonly post?: (shared: Shared, prepared: unknown, action: string, context: NodeContext) => MaybePromise<NextAction>
}

const checks: Shape<PlainFlow<never>> = {
  name: needed(nodeName),
  nodes: needed(recordOf(having("a node", "run"))),
  // createGraph checks the names.
  start: anything,
  edges: anything,
  strict: flag,
  prep: callable,
  post: callable,
}

/** The `flow` of `define`, without its types. */
export function createFlow<Shared>(kit: Kit<Shared>, options: PlainFlow<Shared>): Node<Shared> {
  checkNode("flow", options, checks)
  if (Object.keys(options.nodes).length === 0) {
    throw invalidOption(`flow "${options.name}"`, "nodes", "at least one node", "none")
  }
  if (options.start === undefined)
    throw invalidOption(`flow "${options.name}"`, "start", "the key of a node", undefined)
  const graph = createGraph(options)

  const run = async (shared: Shared, work: Work): Promise<NextAction> => {
    const made = options.prep?.(shared, work)
    const prepared = isPromiseLike(made) ? await made : made
    const action = await walk(graph, shared, innerFrame(work, innerRecord(work.frame, work.node)))
    if (!options.post) return action
    const own = options.post(shared, prepared, action, work)
    return isPromiseLike(own) ? await own : own
  }

  const toJSON = (): NodeJSON => ({
    kind: "flow",
    name: options.name,
    start: options.start,
    nodes: Object.fromEntries(graph.vertices.map((vertex) => [vertex.key, vertex.node.toJSON()])),
    edges: Object.fromEntries(
      graph.vertices
        .filter((vertex) => vertex.edges.size > 0)
        .map((vertex) => [
          vertex.key,
          Object.fromEntries([...vertex.edges].map(([action, next]) => [action, next && next.key])),
        ]),
    ),
  })
  const find = (name: string): Node<Shared> | undefined => graph.vertices.find(({ node }) => node.name === name)?.node
  return createNode(kit, { kind: "flow", name: options.name, [enter]: run, [inside]: find, toJSON })
}
