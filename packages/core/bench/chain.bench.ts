// CPU time of one node in a chain, every contestant in turn in one process, several rounds.
// node --expose-gc --conditions=@sluice/source packages/core/bench/chain.bench.ts [nodes] [rounds]
import { Flow, Node as PocketNode } from "pocketflow"
import { define } from "../src/define.ts"
import type { Node } from "../src/node.ts"

const size = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 7)

interface Shared {
  count: number
}
type Contestant = (shared: Shared) => Promise<unknown>

const prep = async (shared: Shared): Promise<number> => shared.count
const exec = async (count: number): Promise<number> => count + 1
const post = async (shared: Shared, _prepared: unknown, result: unknown): Promise<undefined> => {
  shared.count = result as number
  return undefined
}

function chain(make: (name: string) => Node<Shared>): Node<Shared> {
  const nodes: Record<string, Node<Shared>> = {}
  const edges: Record<string, Record<string, string>> = {}
  for (let i = 0; i < size; i++) {
    nodes[`n${i}`] = make(`n${i}`)
    if (i > 0) edges[`n${i - 1}`] = { default: `n${i}` }
  }
  return define<Shared>().flow({ name: "chain", nodes, edges, start: "n0" })
}

function pocketChain(): Contestant {
  class Counting extends PocketNode<Shared> {
    override prep = prep
    override exec = exec as (prepared: unknown) => Promise<unknown>
    override post = post
  }
  const first = new Counting()
  let last = first
  for (let i = 1; i < size; i++) last = last.next(new Counting())
  const flow = new Flow<Shared>(first)
  return (shared) => flow.run(shared)
}

const { step } = define<Shared>()
const asyncChain = chain((name) => step({ name, prep, exec, post }))
const syncChain = chain((name) =>
  step({
    name,
    prep: (shared) => shared.count,
    exec: (count) => count + 1,
    post: (shared, _, result) => void (shared.count = result),
  }),
)

const contestants: Record<string, Contestant> = {
  "bare loop": async (shared) => {
    for (let i = 0; i < size; i++) {
      const prepared = await prep(shared)
      await post(shared, prepared, await exec(prepared))
    }
  },
  "sluice, async functions": (shared) => asyncChain.run(shared),
  "sluice, sync functions": (shared) => syncChain.run(shared),
  "sluice, async functions, events": (shared) => asyncChain.run(shared, { onEvent: () => {} }),
  "pocketflow, async functions": pocketChain(),
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

const times = new Map<string, number[]>()
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(contestants)) {
    globalThis.gc?.()
    const shared = { count: 0 }
    const start = cpuUs()
    await run(shared)
    const used = (cpuUs() - start) / size
    if (shared.count !== size) throw new Error(`${name} ran ${shared.count} of ${size} nodes`)
    times.set(name, [...(times.get(name) ?? []), used])
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
const pocketflow = median(times.get("pocketflow, async functions")!)
process.stdout.write(`${size.toLocaleString("en")} nodes, ${rounds} rounds, Node ${process.version}, CPU time a node\n`)
for (const [name, values] of times) {
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)]
  process.stdout.write(
    `${name.padEnd(34)}${middle.toFixed(2).padStart(6)} µs  (${least.toFixed(2)} to ${most.toFixed(2)})  ${(middle / pocketflow).toFixed(2)} × pocketflow\n`,
  )
}
