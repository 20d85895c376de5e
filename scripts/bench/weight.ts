/**
 * What the library weighs: packages and megabytes of `npm install sluice`, the time until `import "sluice"` is done beside that
 * of zod, and the bytes of bundles. Writes docs/benchmarks/weight.md; exits with 1 where a ceiling of packages or bytes is
 * broken, as `pnpm check:pack` does.
 *
 *   pnpm bench:weight [--rounds=15]
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { esbuildVersion } from "../pack/platforms/esbuild-version.ts"
import { install } from "../pack/install.ts"
import { catalog, packPackages, root } from "../pack/pack-packages.ts"
import { ceilings } from "../pack/weight.ts"

interface Row {
  readonly what: string
  readonly atMost: number
  readonly reached: number
  readonly unit: string
}

const { values } = parseArgs({ options: { rounds: { type: "string", default: "15" } } })
const work = mkdtempSync(path.join(tmpdir(), "sluice-weight-"))
try {
  const packed = packPackages(work)
  const alone = path.join(work, "alone")
  install(alone, "npm", packed, { sluice: "" })
  const bundled = path.join(work, "bundled")
  install(bundled, "npm", packed, { sluice: "", zod: catalog().get("zod")!, esbuild: esbuildVersion })
  const [sluice, zod] = importTimes(bundled, ["sluice", "zod"], Number(values.rounds))
  const rows: Row[] = [
    ...ceilings.map(({ reached, ...ceiling }) => ({ ...ceiling, reached: reached(alone, bundled) })),
    { what: '`import "sluice"`, against `import "zod"`', atMost: 1.5, reached: sluice! / zod!, unit: " ×" },
  ]
  const text = pageOf(rows, sluice!, zod!)
  writeFileSync(path.join(root, "docs/benchmarks/weight.md"), text)
  process.stdout.write(text)
  // Times are the machine's, too.
  if (rows.some(({ atMost, reached, unit }) => unit !== " ×" && reached > atMost)) process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** Milliseconds of a process that imports each, less those of one that imports nothing: the least of each, in turn. */
function importTimes(folder: string, names: readonly string[], rounds: number): number[] {
  const programs = ["", ...names.map((name) => `await import(${JSON.stringify(name)})`)]
  const times = programs.map(() => [] as number[])
  for (let round = 0; round < rounds; round++) {
    for (const [at, program] of programs.entries()) {
      const began = performance.now()
      spawnSync(process.execPath, ["--input-type=module", "--eval", program], { cwd: folder, stdio: "inherit" })
      times[at]!.push(performance.now() - began)
    }
  }
  const [nothing = 0, ...least] = times.map((each) => Math.min(...each))
  return least.map((each) => each - nothing)
}

function pageOf(rows: readonly Row[], sluice: number, zod: number): string {
  const date = new Date().toISOString().slice(0, 10)
  const lines = rows.map(({ what, atMost, reached, unit }) => {
    const kept = reached <= atMost ? "kept" : "**missed**"
    return `| ${what} | ${atMost}${unit} | ${Number(reached.toFixed(1))}${unit} | ${kept} |`
  })
  return `# What it weighs

${date}, ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}.

Written by \`pnpm bench:weight\`: the packages as they would be published, installed by npm into an empty folder. Times are the least of ${values.rounds} processes each, in turn, less that of a process that imports nothing: ${sluice.toFixed(0)} ms for sluice, ${zod.toFixed(0)} ms for zod. Bundles are made by esbuild.

| | at most | reached | |
|---|---:|---:|---|
${lines.join("\n")}

Nothing on the way to \`import "sluice"\` loads zod: both numbers are there to be compared. The command (\`@sluice/cli\`) and the simulated vendors (\`@sluice/lab\`) are packages of their own: an HTTP server, a command line and the AI SDK come with them alone.
`
}
