// Processor time of one item in a flow: batches of no-ops by `define` on the parallel executor, bare, watched, tried again, recorded.
// Each is measured in a process of its own: one process that runs them all compiles their common code for all of them.
// node --expose-gc --conditions=@sluice/source packages/scheduler/bench/items.bench.ts [items] [rounds] [name]
import { spawnSync } from "node:child_process"
import { createDefine, type Journal, type RunOptions } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"

const items = Number(process.argv[2] ?? 200_000)
const rounds = Number(process.argv[3] ?? 5)
const { step, batch, flow } = createDefine(systemRuntime)<object>()

function* source(): Generator<number> {
  for (let i = 0; i < items; i++) yield i
}
const exec = async (item: number): Promise<number> => item + 1
const base = { prep: source, exec, concurrency: 100, onOutcome: () => {} }
const onEvent = (): void => {}
const journal: Journal = {
  openRun: async () => ({ lookup: () => undefined, settle: async () => {}, end: async () => {} }),
}
const again = step({
  name: "again",
  exec: () => 1,
  retry: { maxAttempts: 2 },
  post: () => (--left > 0 ? "again" : "end"),
})
let left = 0
const loop = flow({ name: "loop", nodes: { again }, start: "again", edges: { again: { again: "again" } } })

const contestants: Record<string, { readonly run: () => Promise<unknown>; readonly count: number }> = {}
const add = (name: string, node: { run: (shared: object, options?: RunOptions) => Promise<unknown> }, options = {}) =>
  (contestants[name] = { run: () => node.run({}, options), count: items })
add("batch", batch({ name: "b", ...base }))
add("batch, auto", batch({ name: "b", ...base, concurrency: "auto" }))
add("batch, retry", batch({ name: "b", ...base, retry: { maxAttempts: 3 } }))
add("batch, events", batch({ name: "b", ...base }), { onEvent })
add("batch, journal", batch({ name: "b", ...base }), { journal })
add("batch, all three", batch({ name: "b", ...base, retry: { maxAttempts: 3 } }), { journal, onEvent })
const steps = Math.ceil(items / 10)
contestants["step, retry"] = { run: () => ((left = steps), loop.run({}, { maxSteps: steps + 1 })), count: steps }

const measure = async (name: string): Promise<void> => {
  const { run, count } = contestants[name]!
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    globalThis.gc?.()
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    // The first round warms up.
    if (round > 0) times.push((user + system) / count)
  }
  const sorted = times.toSorted((a, b) => a - b)
  const [least, median, most] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!].map((us) => us.toFixed(2))
  process.stdout.write(`${name.padEnd(20)} ${median} µs of processor time each (${least}–${most})\n`)
}

const [, , , , only] = process.argv
if (only !== undefined) await measure(only)
else
  for (const name of Object.keys(contestants)) {
    const args = [...process.execArgv, import.meta.filename, `${items}`, `${rounds}`, name]
    spawnSync(process.execPath, args, { stdio: "inherit" })
  }
