/**
 * Every contestant through the lab's scenarios over real HTTP; writes docs/benchmarks/quota.md and its charts.
 *
 *   pnpm bench:quota [--short | --full] [--scenarios=a,b] [--contestants=a,b] [--out=folder] [--lanes=6] [--trace] [--json]
 */
import { availableParallelism, loadavg } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { scenarios } from "../../src/index.ts"
import { machineLine } from "../machine.ts"
import type { Scale } from "./bench-scenario.ts"
import { contestants } from "./contestants.ts"
import { runPair, type Row } from "./run-pair.ts"
import { type RunFacts, writeReport } from "./write-report.ts"

const SHORT = ["requests-bind", "tokens-bind", "unknown-headers", "faults"]

const { values } = parseArgs({
  options: {
    short: { type: "boolean" },
    full: { type: "boolean" },
    scenarios: { type: "string" },
    contestants: { type: "string" },
    out: { type: "string" },
    lanes: { type: "string" },
    trace: { type: "boolean" },
    json: { type: "boolean" },
  },
})
const form = values.full ? "full" : "short"
const scale: Scale = form === "full" ? { speed: 5, share: 1 } : { speed: 2.5, share: 0.2 }
const names = values.scenarios?.split(",") ?? (form === "full" ? scenarios.map(({ name }) => name) : SHORT)
const rivals = values.contestants?.split(",") ?? contestants.map(({ name }) => name)
const lanes = Number(values.lanes ?? 3 * availableParallelism())
const folder = values.out ?? path.resolve(import.meta.dirname, "../../../../docs/benchmarks")

const facts: RunFacts = {
  flags: [`--${form}`, ...process.argv.slice(2).filter((flag) => /^--(scenarios|contestants|lanes)=/.test(flag))].join(
    " ",
  ),
  machine: machineLine(),
  isBusy: (loadavg()[0] ?? 0) > availableParallelism(),
  scale,
  lanes,
}
const pairs = names.flatMap((scenario) => rivals.map((contestant) => ({ scenario, contestant })))
const rows: Row[] = []
const todo = pairs.values()
await Promise.all(Array.from({ length: lanes }, lane))

async function lane(): Promise<void> {
  for (const { scenario, contestant } of todo) {
    const row = await runPair(scenario, scale, contestant)
    rows.push(row)
    // A run that is cut short leaves what it has.
    await writeReport(inOrder(), facts, folder)
    const { ratio, refused, answered, lost, repeated, errors, events, refusedByReason } = row
    process.stdout.write(
      `${scenario.padEnd(24)} ${contestant.padEnd(30)} ${ratio.toFixed(3).padStart(7)} × oracle   refused ${refused} / ${answered}   lost ${lost}   twice ${repeated}${errors[0] ? `   ${errors[0][0]}` : ""}\n`,
    )
    for (const event of values.trace ? row.trace : []) process.stdout.write(`    ${JSON.stringify(event)}\n`)
    if (values.json)
      process.stdout.write(`${JSON.stringify({ events, refusedByReason, errors, oracleMs: row.oracleMs })}\n`)
  }
}

function inOrder(): readonly Row[] {
  return rows.toSorted((a, b) => place(a) - place(b))
}

function place({ scenario, contestant }: Row): number {
  return names.indexOf(scenario) * rivals.length + rivals.indexOf(contestant)
}
