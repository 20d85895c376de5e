/**
 * What an item costs in time and memory, ours and others', each in processes of its own. Writes docs/benchmarks/overhead.md.
 *
 *   pnpm bench:overhead [--rounds=5] [--large=1000000] [--out=folder] [--only=sluice]
 *
 * `--only`: beside the bare loops, only who is called so, and no memory.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { isBusy, machineLine, packageVersion } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import type { Measure } from "./contestant.ts"
import { measured } from "./measured.ts"
import { measures } from "./measures.ts"
import { nodeTransitions } from "./node-transitions.ts"
import { cellsOf, overheadText, type RunFacts } from "./overhead-text.ts"
import { inOwnProcess } from "./own-process.ts"
import { bareUsOf, type Results } from "./results.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    large: { type: "string", default: "1000000" },
    out: { type: "string" },
    only: { type: "string" },
  },
})
const { only } = values

/** The bare loop, and who is asked for; `undefined` where nobody is. */
function among(measure: Measure): Measure | undefined {
  if (only === undefined) return measure
  const [bare, ...others] = measure.contestants
  const asked = others.filter(({ name }) => name.startsWith(only))
  return bare && asked.length > 0 ? { ...measure, contestants: [bare, ...asked] } : undefined
}

const asked = measures.flatMap((measure) => among(measure) ?? [])
if (asked.length === 0) throw new Error(`nobody's name begins with ${only}`)
const rounds = Number(values.rounds)
const used = new Set(asked.flatMap(({ contestants }) => contestants.flatMap((each) => each.package ?? [])))
const flags = process.argv.slice(2).filter((flag) => !flag.startsWith("--out"))
const facts: RunFacts = {
  command: ["pnpm bench:overhead", ...flags.map((flag) => (flag.includes(" ") ? JSON.stringify(flag) : flag))].join(
    " ",
  ),
  machine: machineLine(),
  isBusy: isBusy(),
  rounds,
  versions: [...used].map(packageVersion),
}
const folder = reportFolder(values.out)
mkdirSync(folder, { recursive: true })
const results: Results[] = []
for (const measure of asked) {
  // A chain of a million nodes is a program nobody writes.
  const many = Number(values.large) / (measure.title === nodeTransitions.title ? 10 : 1)
  const one = await measured(measure, { few: 10_000, many, rounds, hasMemory: only === undefined }, inOwnProcess)
  for (const figures of one.figures)
    process.stdout.write(`${measure.title}: ${cellsOf(figures, one, bareUsOf(one)).join("  ")}\n`)
  results.push(one)
  // A run that is cut short leaves what it has.
  writeFileSync(path.join(folder, "overhead.md"), overheadText(results, facts))
}
