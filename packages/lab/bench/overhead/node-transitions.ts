import { createDefine, type Node, type Params, type StepOptions } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import type { Contestant, Measure } from "./contestant.ts"

interface Shared {
  count: number
}
type ChainRun = (shared: Shared) => Promise<unknown>

const prep = async (shared: Shared): Promise<number> => shared.count
const exec = async (count: number): Promise<number> => count + 1
const post = async (shared: Shared, _prepared: unknown, result: unknown): Promise<undefined> => {
  shared.count = result as number
  return undefined
}

function sluiceChain(
  size: number,
  functions: Omit<StepOptions<Shared, Params, number, number, never, undefined>, "name">,
): Node<Shared> {
  const { step, flow } = createDefine(systemRuntime)<Shared>()
  const nodes: Record<string, Node<Shared>> = {}
  const edges: Record<string, Record<string, string>> = {}
  for (let i = 0; i < size; i++) {
    nodes[`n${i}`] = step({ name: `n${i}`, ...functions })
    if (i > 0) edges[`n${i - 1}`] = { default: `n${i}` }
  }
  return flow({ name: "chain", nodes, edges, start: "n0" })
}

/** A contestant from what makes a chain so long, and what then runs it. */
function chain(
  name: string,
  build: (size: number) => ChainRun | Promise<ChainRun>,
  rest: Partial<Contestant> = {},
): Contestant {
  return {
    ...rest,
    name,
    async prepare(items) {
      const run = await build(items)
      return async () => {
        const shared = { count: 0 }
        await run(shared)
        return shared.count
      }
    },
  }
}

export const nodeTransitions: Measure = {
  title: "Node transitions",
  what: "An item is one node of a chain: async `prep`, `exec` and `post` that pass a number on, and the way to the next node. The chain is built before the clock starts.",
  contestants: [
    chain("bare loop", (size) => async (shared) => {
      for (let i = 0; i < size; i++) {
        const prepared = await prep(shared)
        await post(shared, prepared, await exec(prepared))
      }
    }),
    chain("sluice steps", (size) => {
      const app = sluiceChain(size, { prep, exec, post })
      return (shared) => app.run(shared)
    }),
    chain("sluice steps, sync functions", (size) => {
      const app = sluiceChain(size, {
        prep: (shared) => shared.count,
        exec: (count) => count + 1,
        post: (shared, _prepared, result) => void (shared.count = result),
      })
      return (shared) => app.run(shared)
    }),
    chain("sluice steps, with a listener", (size) => {
      const app = sluiceChain(size, { prep, exec, post })
      return (shared) => app.run(shared, { onEvent: () => {} })
    }),
    chain(
      "pocketflow nodes",
      async (size) => {
        const { Flow, Node: PocketNode } = await import("pocketflow")
        class Counting extends PocketNode<Shared> {
          override prep = prep
          override exec = exec as (prepared: unknown) => Promise<unknown>
          override post = post
        }
        const first = new Counting()
        let last = first
        for (let i = 1; i < size; i++) last = last.next(new Counting())
        const app = new Flow<Shared>(first)
        return (shared) => app.run(shared)
      },
      { package: "pocketflow" },
    ),
    chain(
      "Effect.promise, three a node",
      async (size) => {
        const { Effect } = await import("effect")
        return (shared) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < size; i++) {
                const prepared = yield* Effect.promise(() => prep(shared))
                const result = yield* Effect.promise(() => exec(prepared))
                yield* Effect.promise(() => post(shared, prepared, result))
              }
            }),
          )
      },
      { package: "effect" },
    ),
    chain(
      "LangGraph.js nodes",
      async (size) => {
        const { Annotation, END, START, StateGraph } = await import("@langchain/langgraph")
        const State = Annotation.Root({ count: Annotation<number> })
        const node = async (state: Shared): Promise<Shared> => {
          const shared = { count: state.count }
          const prepared = await prep(shared)
          await post(shared, prepared, await exec(prepared))
          return shared
        }
        // Names are known only at run time, which its types do not foresee.
        const graph = new StateGraph(State) as unknown as {
          addNode(name: string, fn: typeof node): void
          addEdge(from: string, to: string): void
          compile(): { invoke(state: Shared, options: { recursionLimit: number }): Promise<Shared> }
        }
        for (let i = 0; i < size; i++) graph.addNode(`n${i}`, node)
        graph.addEdge(START, "n0")
        for (let i = 1; i < size; i++) graph.addEdge(`n${i - 1}`, `n${i}`)
        graph.addEdge(`n${size - 1}`, END)
        const app = graph.compile()
        return async (shared) => {
          shared.count = (await app.invoke(shared, { recursionLimit: size + 10 })).count
        }
      },
      { package: "@langchain/langgraph", most: 200 },
    ),
  ],
}
