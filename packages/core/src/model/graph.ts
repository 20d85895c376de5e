import { SluiceError } from "../errors.ts"
import { nearest } from "../nearest.ts"
import type { Node } from "./node.ts"

/** A node at its place in a flow. `null` as a target ends the flow on purpose. */
export interface Vertex<Shared> {
  readonly key: string
  readonly node: Node<Shared>
  readonly edges: Map<string, Vertex<Shared> | null>
}

/** What the walk runs on. */
export interface Graph<Shared> {
  readonly start: Vertex<Shared>
  readonly vertices: readonly Vertex<Shared>[]
  readonly strict: boolean
}

/** A graph as the user writes it. */
export interface GraphSource<Shared> {
  readonly name: string
  readonly nodes: Readonly<Record<string, Node<Shared>>>
  readonly start: string
  readonly edges?: Readonly<Record<string, Readonly<Record<string, string | null | undefined>> | undefined>>
  readonly strict?: boolean
}

/** Compiles and checks: unknown start, source or target, duplicate name, unreachable node. */
export function createGraph<Shared>(source: GraphSource<Shared>): Graph<Shared> {
  const vertices = new Map<string, Vertex<Shared>>()
  const names = new Map<string, string>()
  for (const [key, node] of Object.entries(source.nodes)) {
    const twin = names.get(node.name)
    if (twin !== undefined) {
      throw invalid(
        source,
        `nodes.${twin} and nodes.${key} are both named "${node.name}", so events and the journal could not tell them apart. Give one of them another name.`,
      )
    }
    names.set(node.name, key)
    vertices.set(key, { key, node, edges: new Map() })
  }

  const find = (key: string, path: string): Vertex<Shared> => {
    const vertex = vertices.get(key)
    if (vertex) return vertex
    const known = [...vertices.keys()]
    throw invalid(
      source,
      `${path} names "${key}", which is not one of its nodes (${known.join(", ")}).${nearest(key, known)}`,
    )
  }

  for (const [key, byAction] of Object.entries(source.edges ?? {})) {
    const { edges } = find(key, "edges")
    for (const [action, target] of Object.entries(byAction ?? {})) {
      if (target === undefined) continue
      edges.set(action, target === null ? null : find(target, `edges.${key}.${action}`))
    }
  }

  const start = find(source.start, "start")
  const reached = reach(start)
  const lost = [...vertices.values()].filter((vertex) => !reached.has(vertex)).map((vertex) => vertex.key)
  if (lost.length > 0) {
    throw invalid(
      source,
      `no edge leads from start "${source.start}" to ${lost.join(", ")}. Add an edge, or leave ${lost.length === 1 ? "it" : "them"} out of nodes.`,
    )
  }
  return { start, vertices: [...vertices.values()], strict: source.strict === true }
}

function reach<Shared>(start: Vertex<Shared>): Set<Vertex<Shared>> {
  const reached = new Set([start])
  // A Set's iteration includes what is added on the way.
  for (const vertex of reached) {
    for (const next of vertex.edges.values()) if (next) reached.add(next)
  }
  return reached
}

function invalid(source: { readonly name: string }, what: string): SluiceError {
  return new SluiceError("invalid-graph", `Flow "${source.name}": ${what}`)
}
