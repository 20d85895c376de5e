/**
 * `pnpm bench:resume [--items=2000] [--kills=20] [--seed=1] [--lines=100000]`: kills a real `sluice run` at random moments, gives the same
 * command again each time, and counts what was lost, what came twice and what was asked again. Writes docs/benchmarks/resume.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { openJournal } from "@sluice/journal"
import { seededRandom } from "@sluice/lab"
import { machineLine, packageVersion } from "../../lab/bench/machine.ts"
import { countingVendor, type Killed, killAndResume, repeatedWithoutCause } from "../test/chaos/kill-and-resume.ts"
import { ended, linesOf, startSluice, startTelling } from "../test/command/process.ts"

interface Sizes {
  readonly items: number
  readonly kills: number
  readonly seed: number
  readonly concurrency: number
  readonly lines: number
}

interface Figures {
  readonly kills: readonly Killed[]
  readonly results: number
  readonly lost: number
  readonly twice: number
  readonly wrong: number
  readonly calls: number
  readonly repeated: number
  /** Items that were asked again though they were not in flight at a kill. */
  readonly unexplained: number
  /** Of the calls of one item. */
  readonly mostCalls: number
  readonly opened: number
  readonly firstStartMs: number
  readonly lastMs: number
}

function sizesFrom(args: readonly string[]): Sizes {
  const sizes = { items: 2_000, kills: 20, seed: 1, concurrency: 32, lines: 100_000 }
  for (const arg of args) {
    const [, name = "", value] = /^--([a-z]+)=(\d+)$/.exec(arg) ?? []
    if (!(name in sizes)) throw new Error(`${arg}: wanted --${Object.keys(sizes).join("=N, --")}=N`)
    sizes[name as keyof typeof sizes] = Number(value)
  }
  return sizes
}

async function killRuns({ items, kills, seed, concurrency }: Sizes, folder: string): Promise<Figures> {
  const { vendor, calls } = await countingVendor({ latency: { baseMs: 50, perOutputTokenMs: 0 }, seed })
  const out = path.join(folder, "out.jsonl")
  const prompt = (id: number): string => `Say word ${id}.`
  writeInputs(path.join(folder, "in.jsonl"), items)
  const model = ["--model", "openai-compatible:lab", "--base-url", `${vendor.url}/v1`]
  const limits = ["--concurrency", String(concurrency)]
  const args = ["run", "in.jsonl", "--prompt", "Say {{text}}.", ...model, "--out", "out.jsonl", ...limits, "--json"]
  const start = (stderr: number) => startTelling(args, folder, stderr)
  let opened = 0
  const { kills: killed, last } = await killAndResume({
    start,
    vendor,
    items,
    node: "run",
    kills,
    random: seededRandom(seed),
    async afterKill({ hit, unsettled }) {
      await using journal = openJournal({ path: `${out}.journal` })
      const settled = sum(journal.runs().map(({ ok = 0, failed = 0 }) => ok + failed))
      opened++
      process.stderr.write(`killed: ${hit}, ${settled} settled, ${unsettled.length} in flight\n`)
    },
  })
  if (last.code !== 0) throw new Error(`the last run ended with ${last.code}: ${last.stderr.slice(-1_000)}`)
  const fromMs = performance.now()
  await ended(startSluice(args, folder))
  const lastMs = performance.now() - fromMs
  const lines = linesOf(out)
  const seen = new Set(lines.map(({ index }) => Number(index)))
  const { arrived } = vendor.stats()
  await vendor.stop()
  return {
    kills: killed,
    results: lines.length,
    lost: items - seen.size,
    twice: lines.length - seen.size,
    wrong: lines.filter(({ index, output }) => output !== prompt(Number(index))).length,
    calls: arrived,
    repeated: arrived - items,
    unexplained: repeatedWithoutCause(calls, killed, (index) => prompt(Number(index))).length,
    mostCalls: Math.max(...calls.values()),
    opened,
    firstStartMs: killed[0]?.firstCallMs ?? Number.NaN,
    lastMs,
  }
}

/** A run of so many lines that answers itself, and the same command again: all that it does is decide that nothing is to do. */
async function decideOnly(
  lines: number,
  folder: string,
): Promise<{ firstMs: number; againMs: number; emptyMs: number }> {
  writeInputs(path.join(folder, "many.jsonl"), lines)
  writeInputs(path.join(folder, "one.jsonl"), 1)
  const timed = async (input: string): Promise<number> => {
    const fromMs = performance.now()
    const args = ["run", input, "--prompt", "Say {{text}}.", "--model", "noop:", "--out", `${input}.out`, "--quiet"]
    const { code, stderr } = await ended(startSluice(args, folder))
    if (code !== 0) throw new Error(stderr)
    return performance.now() - fromMs
  }
  await timed("one.jsonl")
  const emptyMs = await timed("one.jsonl")
  const firstMs = await timed("many.jsonl")
  return { firstMs, againMs: await timed("many.jsonl"), emptyMs }
}

function writeInputs(file: string, count: number): void {
  writeFileSync(
    file,
    Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`).join(""),
  )
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
const count = (value: number): string => value.toLocaleString("en-US")

function report(
  sizes: Sizes,
  figures: Figures,
  decided: Awaited<ReturnType<typeof decideOnly>>,
  machine: string,
): string {
  const { items, concurrency, lines } = sizes
  const { kills } = figures
  const hit = kills.filter((kill) => kill.hit)
  const inFlight = sum(hit.map(({ unsettled }) => unsettled.length))
  const resumes = kills.slice(1).flatMap(({ firstCallMs }) => (firstCallMs === undefined ? [] : [firstCallMs]))
  const flags = Object.entries(sizes)
    .filter(([name]) => name !== "concurrency")
    .map(([name, value]) => `--${name}=${value}`)
  return `# Killed and resumed

${machine}.

Written by \`pnpm bench:resume ${flags.join(" ")}\`. A real \`sluice run\` of ${count(items)} items, ${concurrency} calls in flight,
each answered after 50 ms, is killed (SIGKILL) at ${kills.length} random moments between its start and its last answer. The same command
is given again each time, and a last time until it is done.

| | |
|---|---:|
| killed while it ran | ${hit.length} of ${kills.length} |
| the journal opened afterwards | ${figures.opened} of ${kills.length} |
| items | ${count(items)} |
| result lines | ${count(figures.results)} |
| **lost** | **${figures.lost}** |
| **twice** | **${figures.twice}** |
| wrong (the answer to another item) | ${figures.wrong} |
| calls at the vendor | ${count(figures.calls)} |
| calls in flight at the kills | ${count(inFlight)} |
| **calls repeated** | **${count(figures.repeated)}** |
| of these, calls of items that were not in flight at a kill | ${figures.unexplained} |
| most calls of one item | ${figures.mostCalls} |

"In flight" is what the killed process had begun and not yet told as settled, by its own events: the call is open at the vendor
(${count(sum(hit.map(({ open }) => open)))} of them were), or its answer is on its way to the disk. No more than that may be repeated; nothing else may be.

## How long it takes to see what is left

| | |
|---|---:|
| from the start of the process to its first call, first time | ${seconds(figures.firstStartMs)} |
| the same of a resumed run, median of ${resumes.length} | ${seconds(median(resumes))} |
| the same, longest | ${seconds(Math.max(...resumes))} |
| the command given again when all ${count(items)} are done, as a whole | ${seconds(figures.lastMs)} |
| a run of one line that is done, as a whole | ${seconds(decided.emptyMs)} |
| a run of ${count(lines)} lines with \`noop:\`, as a whole | ${seconds(decided.firstMs)} |
| the same command again: nothing is to do | ${seconds(decided.againMs)} |

## How it was measured

- The vendor is the lab's HTTP server on loopback, in the process of the benchmark; each run is a process of its own, started from source.
  The vendor counts calls by their prompt; results are counted in the file that \`--out\` names.
- Moments are drawn with a seed over what is left to answer, and up to 30 ms later, so that they are not always just after an answer.
  How far a process has come by then differs from machine to machine, so figures of the same seed differ a little.
- The tests kill in the same way: \`packages/cli/test/chaos/chaos.test.ts\`, \`chaos-lane.test.ts\` (vendor batches) and
  \`packages/cli/test/chaos/nested-flow.test.ts\` (batch flows in batch flows); with \`SLUICE_CHAOS=50\` at 50 moments of 5,000 items.
- ${packageVersion("ai")}; journal: SQLite ${process.versions["sqlite"]} of Node.
`
}

const sizes = sizesFrom(process.argv.slice(2))
const machine = machineLine()
const folder = mkdtempSync(path.join(tmpdir(), "bench-resume-"))
try {
  const figures = await killRuns(sizes, folder)
  const decided = await decideOnly(sizes.lines, folder)
  const file = path.join(import.meta.dirname, "../../../docs/benchmarks/resume.md")
  writeFileSync(file, report(sizes, figures, decided, machine))
  process.stderr.write(`wrote ${file}\n`)
  if (figures.lost + figures.twice + figures.wrong + figures.unexplained > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
