/**
 * What the library weighs: packages and megabytes of `npm install sluice`, the time until `import "sluice"` is done beside that
 * of zod, and the bytes of bundles. Writes docs/benchmarks/weight.md; exits with 1 where a ceiling of packages or bytes is broken.
 *
 *   pnpm bench:weight [--rounds=15]
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import { install } from "./pack/install.ts"
import { catalog, packPackages, root } from "./pack/pack-packages.ts"
import { run } from "./pack/run.ts"

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
  install(bundled, "npm", packed, { sluice: "", zod: catalog().get("zod")!, esbuild: "^0.28.2" })
  const [sluice, zod] = importTimes(bundled, ["sluice", "zod"], Number(values.rounds))
  const rows: Row[] = [
    { what: "packages that `npm install sluice` brings", atMost: 10, reached: packagesOf(alone), unit: "" },
    { what: "their size, installed", atMost: 10, reached: megabytesOf(alone), unit: " MB" },
    { what: '`import "sluice"`, against `import "zod"`', atMost: 1.5, reached: sluice! / zod!, unit: " ×" },
    {
      what: "`limitedFetch` bundled, minified, gzipped",
      atMost: 60,
      reached: bundle(bundled, "limitedFetch"),
      unit: " kB",
    },
    { what: "`define` bundled, minified, gzipped", atMost: 60, reached: bundle(bundled, "define"), unit: " kB" },
    { what: "`mapAll` bundled, minified, gzipped", atMost: 60, reached: bundle(bundled, "mapAll"), unit: " kB" },
  ]
  const text = pageOf(rows, sluice!, zod!)
  writeFileSync(path.join(root, "docs/benchmarks/weight.md"), text)
  process.stdout.write(text)
  // Times are the machine's, too.
  if (rows.some(({ atMost, reached, unit }) => unit !== " ×" && reached > atMost)) process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function packagesOf(folder: string): number {
  return globSync("node_modules/{*,@*/*}/package.json", { cwd: folder }).length
}

function megabytesOf(folder: string): number {
  const files = globSync("node_modules/**/*", { cwd: folder }).map((file) => statSync(path.join(folder, file)))
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0) / 1e6
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

/** Kilobytes, gzipped, of a bundle of one export. */
function bundle(folder: string, name: string): number {
  writeFileSync(path.join(folder, "entry.mjs"), `export { ${name} } from "sluice"\n`)
  const options = [
    "--bundle",
    "--minify",
    "--format=esm",
    "--platform=node",
    "--outfile=entry.out.mjs",
    "--log-level=error",
  ]
  run(path.join(folder, "node_modules/.bin/esbuild"), ["entry.mjs", ...options], folder)
  return gzipSync(readFileSync(path.join(folder, "entry.out.mjs"))).length / 1e3
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
