import type { NodeJSON } from "./node.ts"

/** A Mermaid flowchart of a node as data; nested flows, batch flows and pipelines are subgraphs. */
export function toMermaid(node: NodeJSON): string {
  const lines = ["flowchart TD"]
  draw(node, "n", "  ", lines)
  return lines.join("\n")
}

const shapes: Readonly<Record<NodeJSON["kind"], readonly [string, string]>> = {
  step: ["[", "]"],
  batch: ["[[", "]]"],
  flow: ["[", "]"],
  "batch-flow": ["[", "]"],
  pipeline: ["[", "]"],
}

/** Mermaid's ids must not hold names: `end` and the like are keywords of it. */
function draw(node: NodeJSON, id: string, indent: string, lines: string[]): void {
  const label = `"${node.name.replaceAll('"', "#quot;")}"`
  const children = childrenOf(node)
  if (children.size === 0) {
    const [open, close] = shapes[node.kind]
    lines.push(`${indent}${id}${open}${label}${close}`)
    return
  }
  lines.push(`${indent}subgraph ${id}[${label}]`)
  const inner = `${indent}  `
  const ids = new Map([...children.keys()].map((key, index) => [key, `${id}_${index}`]))
  for (const [key, child] of children) draw(child, ids.get(key)!, inner, lines)
  if (node.start !== undefined) lines.push(`${inner}${id}_start((start)) --> ${ids.get(node.start)}`)
  for (const [from, byAction] of Object.entries(node.edges ?? {})) {
    for (const [action, to] of Object.entries(byAction)) {
      const arrow = action === "default" ? "-->" : `-- "${action.replaceAll('"', "#quot;")}" -->`
      lines.push(`${inner}${ids.get(from)} ${arrow} ${to === null ? `${id}_end((end))` : ids.get(to)}`)
    }
  }
  for (const [index] of (node.stages ?? []).slice(1).entries()) {
    lines.push(`${inner}${id}_${index} ==> ${id}_${index + 1}`)
  }
  lines.push(`${indent}end`)
}

function childrenOf(node: NodeJSON): Map<string, NodeJSON> {
  if (node.nodes) return new Map(Object.entries(node.nodes))
  if (node.flow) return new Map([["flow", node.flow]])
  return new Map((node.stages ?? []).map((stage, index) => [String(index), stage]))
}
