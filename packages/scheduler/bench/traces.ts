/**
 * Complete event traces under the virtual clock, as hashes: every scenario of the lab with three seeds, 150 vendors drawn at random,
 * and core's random graphs with both executors. A refactoring that changes no behaviour changes no hash.
 *
 *   pnpm traces --write before.json       records
 *   pnpm traces --compare before.json     records again and names every trace that differs; exit code 1 if any does
 *   pnpm traces --print outage:2          one trace, an event a line, to be compared with diff
 */
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import type { SluiceEvent } from "@sluice/core"
import {
  limiterContestant,
  randomScenario,
  runScenario,
  scenarios,
  seededRandom,
  type Scenario,
  type ScenarioOptions,
} from "@sluice/lab"
import { createQuota, parallelExecutor } from "@sluice/scheduler"
import fc from "fast-check"
import { parallelExecutor as plainExecutor } from "../../core/test/support/parallel-executor.ts"
import { abortAt, plan, runPlan } from "../../core/test/support/random-flow.ts"

interface Trace {
  readonly name: string
  readonly record: (write: (line: string) => void) => Promise<void>
}

const seeds = [1, 2, 3]
const vendors = 150
const graphs = 300

const { values: args } = parseArgs({
  options: {
    write: { type: "string" },
    compare: { type: "string" },
    print: { type: "string" },
  },
})

function text(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part instanceof Error) return `${part.name}: ${part.message}`
    return part === Infinity || part === -Infinity || Number.isNaN(part) ? String(part) : part
  })
}

function ofScenario(name: string, scenario: Scenario, options: ScenarioOptions): Trace {
  return {
    name,
    async record(write) {
      const onEvent = (event: SluiceEvent): void => write(text(event))
      const ours = limiterContestant(({ told, clock, random }) => createQuota({ ...told, clock, random, onEvent }))
      write(text(await runScenario(scenario, ours, options)))
    },
  }
}

function* all(): Generator<Trace> {
  for (const scenario of scenarios) {
    for (const seed of seeds) yield ofScenario(`${scenario.name}:${seed}`, scenario, { seed })
  }
  for (let seed = 1; seed <= vendors; seed++) {
    const { scenario, network } = randomScenario(seed)
    yield ofScenario(`vendor:${seed}`, scenario, { seed, ...network })
  }
  const drawn = fc.sample(fc.tuple(plan, abortAt), { seed: 1, numRuns: graphs })
  for (const [index, [root, abortAtMs]] of drawn.entries()) {
    const executors = {
      graph: plainExecutor,
      scheduled: (time: Parameters<typeof plainExecutor>[0]) => parallelExecutor(time, seededRandom(1)),
    }
    for (const [kind, executorOn] of Object.entries(executors)) {
      yield {
        name: `${kind}:${index + 1}`,
        async record(write) {
          const { trace, ended, wrong } = await runPlan(root, abortAtMs, executorOn)
          for (const event of trace) write(text(event))
          write(text({ ended, wrong }))
        },
      }
    }
  }
}

if (args.print !== undefined) {
  const wanted = [...all()].find(({ name }) => name === args.print)
  if (!wanted) throw new Error(`no trace is named ${args.print}: try outage:2, vendor:17, graph:3 or scheduled:3`)
  await wanted.record((line) => process.stdout.write(`${line}\n`))
} else {
  const hashes: Record<string, string> = {}
  let events = 0
  for (const { name, record } of all()) {
    const hash = createHash("sha256")
    await record((line) => {
      events++
      hash.update(line).update("\n")
    })
    hashes[name] = hash.digest("hex")
  }
  const whole = createHash("sha256").update(JSON.stringify(hashes)).digest("hex")
  console.log(`${Object.keys(hashes).length} traces, ${events} events: ${whole}`)
  if (args.write !== undefined) writeFileSync(args.write, `${JSON.stringify(hashes, undefined, 1)}\n`)
  if (args.compare !== undefined) {
    const before = JSON.parse(readFileSync(args.compare, "utf8")) as Record<string, string>
    const names = [...new Set([...Object.keys(before), ...Object.keys(hashes)])]
    const different = names.filter((name) => before[name] !== hashes[name])
    console.log(different.length === 0 ? "all as before" : `${different.length} differ: ${different.join(", ")}`)
    process.exitCode = different.length === 0 ? 0 : 1
  }
}
