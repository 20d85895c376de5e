/**
 * The picture of a run: the same calls through sluice, p-limit and Bottleneck, each against a vendor of its own that enforces one
 * quota, by the referee of `pnpm bench:quota`. Writes `run.json` and, from it, `run.svg` to docs/benchmarks.
 *
 *   pnpm picture [--draw] [--scenario=tokens-bind] [--share=0.2] [--out=folder]
 */
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { machineLine } from "../machine.ts"
import { benchScenario } from "../quota/bench-scenario.ts"
import { runPair } from "../quota/run-pair.ts"
import { reportFolder } from "../report-folder.ts"
import { drawRuns } from "./draw-runs.ts"
import type { PictureFigures, RunFigures } from "./run-figures.ts"

const { values } = parseArgs({
  options: {
    /** Only draws what was measured. */
    draw: { type: "boolean" },
    scenario: { type: "string", default: "tokens-bind" },
    share: { type: "string", default: "0.2" },
    out: { type: "string" },
  },
})
const folder = reportFolder(values.out)
const file = path.join(folder, "run.json")

if (!values.draw) writeFileSync(file, `${JSON.stringify(await measured(), undefined, 1)}\n`)
writeFileSync(path.join(folder, "run.svg"), drawRuns(JSON.parse(readFileSync(file, "utf8")) as PictureFigures))

async function measured(): Promise<PictureFigures> {
  const scale = { speed: 4, share: Number(values.share) }
  const machine = machineLine()
  const { title, vendor } = benchScenario(values.scenario, scale)
  const { tokens } = vendor.limits ?? {}
  if (typeof tokens !== "object") throw new TypeError(`${values.scenario} has no limit of tokens to draw`)
  const runs: RunFigures[] = []
  let oracleMs = NaN
  for (const name of ["sluice", "openai + p-limit(50)", "openai + Bottleneck"]) {
    const row = await runPair(values.scenario, scale, name)
    if (row.failure !== undefined) throw new Error(`${name}: ${row.failure}`)
    const { calls, answered, refused, timeMs, timeline } = row
    ;({ oracleMs } = row)
    runs.push({ name, calls, answered, refused, timeMs, timeline })
    process.stdout.write(`${name}: ${answered} of ${calls} in ${(timeMs / 1000).toFixed(1)} s, ${refused} refused\n`)
  }
  return { scenario: values.scenario, title, machine, tokensPerSecond: tokens.limit / 60, oracleMs, runs }
}
