import { type enter, type inside, type Node } from "./node.ts"
import { runNode } from "../run/run.ts"
import type { Kit } from "./kit.ts"
import { toMermaid } from "./to-mermaid.ts"

/** The part of a node that its kind decides, plus what all kinds have. Frozen: a flow is its graph. */
export function createNode<Shared>(
  kit: Kit<Shared>,
  part: Pick<Node<Shared>, "kind" | "name" | "toJSON" | typeof enter | typeof inside>,
): Node<Shared> {
  const node: Node<Shared> = {
    ...part,
    run: (shared, options) => runNode(node, kit, shared, options ?? {}),
    toMermaid: () => toMermaid(part.toJSON()),
  }
  return Object.freeze(node)
}
