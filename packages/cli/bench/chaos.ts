/**
 * `pnpm chaos [--items=1000] [--kills=10] [--seed=1] [--only=TEXT]`: kills (SIGKILL) runs of every lane and format at random moments,
 * and counts what is lost, what comes twice and what is asked again. Writes docs/benchmarks/chaos.md unless `--only` names some.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { seededRandom } from "@sluice/lab"
import { machineLine } from "../../lab/bench/machine.ts"
import { chaosCells, type ChaosFigures, nameOf, runCell } from "../test/chaos/cells.ts"

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "1000" },
    kills: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
})
const [items, kills, seed] = [values.items, values.kills, values.seed].map(Number) as [number, number, number]
const machine = machineLine()
const count = (value: number): string => value.toLocaleString("en-US")

const rows: { readonly name: string; readonly figures: ChaosFigures }[] = []
for (const [at, cell] of chaosCells.entries()) {
  const name = nameOf(cell)
  if (values.only !== undefined && !name.includes(values.only)) continue
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-chaos-"))
  try {
    const figures = await runCell(cell, folder, { items, kills, random: seededRandom(seed + at) })
    rows.push({ name, figures })
    process.stderr.write(`${name}: ${JSON.stringify(figures)}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const total = (field: Exclude<keyof ChaosFigures, "lastCode">): number =>
  rows.reduce((sum, { figures }) => sum + figures[field], 0)
const cells = ({ hit, answers, lost, twice, wrong, repeated, unexplained }: Omit<ChaosFigures, "lastCode">): string =>
  [hit, answers, lost, twice, wrong, repeated, unexplained].map(count).join(" | ")
const all = {
  hit: total("hit"),
  answers: total("answers"),
  lost: total("lost"),
  twice: total("twice"),
  wrong: total("wrong"),
  repeated: total("repeated"),
  unexplained: total("unexplained"),
}
const page = `# Killed in every lane and format

${machine}.

Written by \`pnpm chaos --items=${items} --kills=${kills} --seed=${seed}\`. A real \`sluice run\` of ${count(items)} items is killed (SIGKILL) at ${kills} random
moments of each kind of run; the same command is given again each time, and a last time until it is done. After every kill the journal is opened, and
holds no item twice.

| lane, input, output | killed while it ran | answers | **lost** | **twice** | wrong | asked again | **of these, not in flight at a kill** |
|---|---:|---:|---:|---:|---:|---:|---:|
${rows.map(({ name, figures }) => `| ${name} | ${cells(figures)} |`).join("\n")}
| **all** | ${cells(all)} |

- Online, moments are drawn over what is left to answer, and "in flight" is what the killed process had begun and not told as settled. In the lanes of
  batches, moments are drawn over the first second after the run has told something, on a clock that is a hundred times as fast: gathering, submitting,
  following and reading all happen in it, and each time there are more inputs. There, "asked again" counts requests that are in two batches, or went online.
- Eight calls at a time, 20 ms each, against the lab's HTTP server; \`two models\` has two answers for each item.
- \`packages/cli/test/chaos/chaos-cells.test.ts\` does the same with 60 items and one kill each, in every run of the tests.
`
if (values.only === undefined) writeFileSync(path.join(import.meta.dirname, "../../../docs/benchmarks/chaos.md"), page)
process.stdout.write(page)
if (all.lost + all.twice + all.wrong + all.unexplained > 0) process.exitCode = 1
