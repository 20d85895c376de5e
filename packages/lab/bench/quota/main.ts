/**
 * Every contestant through the lab's scenarios over real HTTP; writes docs/benchmarks/quota.md and its charts.
 *
 *   pnpm bench:quota [--short | --full] [--scenarios=a,b] [--contestants=a,b] [--out=folder] [--lanes=3] [--trace] [--json]
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { scenarios } from "../../src/index.ts"
import { isBusy, machineLine } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import { benchScenario, type Scale } from "./bench-scenario.ts"
import { contestants } from "./contestants.ts"
import { oracleOf, runPair, type Row } from "./run-pair.ts"
import type { RunFacts } from "./report-text.ts"
import { writeReport } from "./write-report.ts"

/** One of each kind. */
const SHORT = [
  "requests-bind",
  "tokens-bind",
  "full-minute",
  "bare-number",
  "unknown-headers",
  "quota-cut",
  "co-tenant-30",
  "faults",
  "outage",
  "slots",
  "knee",
  "ramp",
  "billing",
]
/** What a run takes beside the oracle's time: contestants are slower, and two processes start. */
const [SLOWER, STARTING_MS] = [1.4, 4_000]

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
const scale: Scale = form === "full" ? { speed: 5, share: 1 } : { speed: 4, share: 0.1 }
const names = values.scenarios?.split(",") ?? (form === "full" ? scenarios.map(({ name }) => name) : SHORT)
const rivals = values.contestants?.split(",") ?? contestants.map(({ name }) => name)
// A run keeps a core busy for a quarter of its time, vendor and contestant together, and more while it starts.
const lanes = Number(values.lanes ?? Math.ceil(1.5 * availableParallelism()))
const folder = reportFolder(values.out)

const facts: RunFacts = {
  flags: [`--${form}`, ...process.argv.slice(2).filter((flag) => /^--(scenarios|contestants|lanes)=/.test(flag))].join(
    " ",
  ),
  machine: machineLine(),
  isBusy: isBusy(),
  scale,
  lanes,
}
const pairs = names.flatMap((scenario) => rivals.map((contestant) => ({ scenario, contestant })))
const runMs = pairs.map(({ scenario }) => {
  const oracleMs = oracleOf(benchScenario(scenario, scale))
  return STARTING_MS + SLOWER * (Number.isFinite(oracleMs) ? oracleMs : 10_000)
})
const minutes = runMs.reduce((sum, ms) => sum + ms, 0) / lanes / 60_000
process.stdout.write(`${pairs.length} runs, ${lanes} at a time: about ${Math.ceil(minutes)} minutes\n`)
const rows: Row[] = []
const todo = pairs.values()
await Promise.all(Array.from({ length: lanes }, lane))

async function lane(): Promise<void> {
  for (const { scenario, contestant } of todo) {
    const row = await runPair(scenario, scale, contestant)
    rows.push(row)
    // A run that is cut short leaves what it has.
    await writeReport(inOrder(), facts, folder)
    const { ratio, refused, answered, lost, repeated, errors, events, refusedByReason, failure } = row
    process.stdout.write(
      failure === undefined
        ? `${scenario.padEnd(24)} ${contestant.padEnd(30)} ${ratio.toFixed(3).padStart(7)} × oracle   refused ${refused} / ${answered}   lost ${lost}   twice ${repeated}${errors[0] ? `   ${errors[0][0]}` : ""}\n`
        : `${scenario.padEnd(24)} ${contestant.padEnd(30)} failed: ${failure}   lost ${lost}\n`,
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
