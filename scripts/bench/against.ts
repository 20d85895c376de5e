/**
 * The benchmarks of what an item costs, of another commit and of this one, or of two others: all of one, then all of the other, in turn,
 * so that both meet the same machine; each measure in a process of its own. Writes docs/benchmarks/against.md, or another page.
 *
 *   pnpm bench:against <commit> [--to=commit] [--page=against] [--turns=7] [--large=100000]
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { median } from "../../packages/lab/bench/overhead/results.ts"
import { run } from "../pack/run.ts"

const root = path.join(import.meta.dirname, "../..")
const items = "packages/scheduler/bench/items.bench.ts"
const lab = "packages/lab/bench"
const overhead = `${lab}/overhead/main.ts`
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    to: { type: "string" },
    page: { type: "string", default: "against" },
    turns: { type: "string", default: "7" },
    large: { type: "string", default: "100000" },
  },
})
const [commit] = positionals
if (commit === undefined) throw new Error("usage: pnpm bench:against <commit>")

/** Microseconds of processor time an item, by measure. */
type Times = Map<string, number[]>

const work = mkdtempSync(path.join(tmpdir(), "sluice-against-"))
const worktrees: string[] = []
try {
  const other = checkedOut(commit)
  const later = values.to === undefined ? root : checkedOut(values.to)
  const before: Times = new Map()
  const now: Times = new Map()
  for (let turn = 0; turn < Number(values.turns); turn++) {
    measure(other, before)
    measure(later, now)
    // A run that is cut short leaves what it has.
    writeFileSync(path.join(root, "docs/benchmarks", `${values.page}.md`), pageOf(commit, before, now))
  }
} finally {
  for (const each of worktrees) run("git", ["worktree", "remove", "--force", each], root)
  rmSync(work, { recursive: true, force: true })
}

function checkedOut(of: string): string {
  const folder = path.join(work, of)
  run("git", ["worktree", "add", "--detach", folder, of], root)
  worktrees.push(folder)
  run("pnpm", ["install", "--frozen-lockfile", "--silent"], folder)
  // They may be younger than the commit; they import packages by name alone.
  for (const file of [items, lab]) cpSync(path.join(root, file), path.join(folder, file), { recursive: true })
  return folder
}

function measure(folder: string, times: Times): void {
  const note = (name: string, us: number): void => void times.set(name, [...(times.get(name) ?? []), us])
  const flags = ["--expose-gc", "--conditions=@sluice/source"]
  const lines = run(process.execPath, [...flags, items, values.large, "1"], folder)
  for (const [, name, us] of lines.matchAll(/^(.+?) +([\d.]+) µs of processor time/gm)) note(`${name}`, Number(us))
  const out = path.join(work, "report")
  const sizes = ["--only=sluice", "--rounds=1", `--large=${values.large}`, `--out=${out}`]
  run(process.execPath, [...flags, overhead, ...sizes], folder)
  const report = readFileSync(path.join(out, "overhead.md"), "utf8")
  for (const [, name, few, many] of report.matchAll(
    /^\| \*\*(.+?)\*\* \| ([\d.]+) \[[^|]*\|[^|]*\|[^|]*\| ([\d.]+) \[/gm,
  )) {
    note(`${name}, few`, Number(few))
    note(`${name}, many`, Number(many))
  }
}

function pageOf(to: string, before: Times, now: Times): string {
  const rows = [...now].map(([name, us]) => {
    const old = before.get(name)
    const times = old ? `${(median(us) / median(old)).toFixed(2)} ×` : "–"
    return `| ${name} | ${old ? spread(old) : "–"} | ${spread(us)} | ${times} |`
  })
  return `# What an item costs, before and after

${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.version}, load average ${loadavg()[0]!.toFixed(1)} when it ended.

Written by \`pnpm bench:against ${process.argv.slice(2).join(" ")}\`: commit \`${to}\` and ${values.to === undefined ? "this one" : `\`${values.to}\``} in turn, ${values.turns} times, each line in a process of its own. Microseconds of processor time an item: the median of the processes, with the least and the most in brackets. "few" is 10,000 items, "many" ${Number(values.large).toLocaleString("en")}, nodes a tenth of that; what is measured is told in [what an item costs](overhead.md), the first lines by \`${items}\`.

| | before | after | |
|---|---:|---:|---:|
${rows.join("\n")}
`
}

function spread(us: readonly number[]): string {
  return `${median(us).toFixed(2)} [${Math.min(...us).toFixed(2)}–${Math.max(...us).toFixed(2)}]`
}
