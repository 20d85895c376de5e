import type { NodeJSON } from "@sluice/core"
import type { JSX } from "preact"
import { useMemo, useRef } from "preact/hooks"
import type { NodeCounts } from "../../src/wire.ts"
import { count } from "../format.ts"
import { useLive } from "../live/hooks.ts"
import type { Edges } from "../parts/arrow-paths.ts"
import { Arrows } from "../parts/arrows.tsx"

/** The graph as it is, nested flows inside their boxes, with what each node does now. */
export function Flow(): JSX.Element {
  const { hello, state } = useLive()
  const graph = hello.flow as NodeJSON
  return (
    <section class="card graph" aria-label="The flow">
      <Box node={graph} path={graph.name} counts={state.nodes ?? {}} />
    </section>
  )
}

function Box({
  node,
  path,
  counts,
  exits = {},
}: {
  node: NodeJSON
  path: string
  counts: Readonly<Record<string, NodeCounts>>
  exits?: Readonly<Record<string, string | null>>
}): JSX.Element {
  const own = counts[path]
  const inner = childrenOf(node)
  const edges = useMemo(() => edgesOf(node), [node])
  const list = useRef<HTMLOListElement>(null)
  return (
    <div class={`node ${own && own.inFlight > 0 ? "busy" : ""}`}>
      <p class="name">
        <strong>{node.name}</strong> <span class="faint">{node.kind}</span>
      </p>
      {own && (
        <p class="counts">
          {count(own.ok)} done
          {own.failed > 0 && <span class="failed">, {count(own.failed)} failed</span>}
          {own.inFlight > 0 && `, ${count(own.inFlight)} in flight`}
          {own.perMinute > 0 && `, ${count(Math.round(own.perMinute))} a minute`}
        </p>
      )}
      {inner.length > 0 && (
        <div class="joined">
          <ol class="nodes" ref={list}>
            {inner.map(([key, child]) => (
              <li key={key} data-key={key}>
                <Box node={child} path={`${path}/${child.name}`} counts={counts} exits={edges[key] ?? {}} />
              </li>
            ))}
          </ol>
          <Arrows list={list} edges={edges} />
        </div>
      )}
      {Object.entries(exits).map(([action, to]) => (
        // Where it leads to a node an arrow is drawn; who does not see that has it in words.
        <p key={action} class={to === null ? "exit" : "exit unseen"}>
          {action === "default" ? "then" : action} → {to ?? "the end"}
        </p>
      ))}
    </div>
  )
}

/** Stages follow each other. */
function edgesOf({ edges = {}, stages = [] }: NodeJSON): Edges {
  if (stages.length === 0) return edges
  return Object.fromEntries(stages.slice(1).map(({ name }, at) => [stages[at]!.name, { default: name }]))
}

/** From the start along the edges, then whatever they do not reach. */
function childrenOf({ start, nodes, edges, flow, stages }: NodeJSON): readonly (readonly [string, NodeJSON])[] {
  if (stages) return stages.map((stage) => [stage.name, stage])
  if (flow) return [[flow.name, flow]]
  if (!nodes) return []
  const order = new Set<string>(start === undefined ? [] : [start])
  for (const key of order) for (const to of Object.values(edges?.[key] ?? {})) if (to !== null) order.add(to)
  for (const key of Object.keys(nodes)) order.add(key)
  return [...order].flatMap((key) => (nodes[key] ? [[key, nodes[key]] as const] : []))
}
