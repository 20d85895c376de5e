/** `pnpm example <name> [arguments]`: runs `examples/<name>/main.ts` from source. */
import { spawnSync } from "node:child_process"
import path from "node:path"
import { exampleNames } from "./example-names.ts"

const root = path.join(import.meta.dirname, "../..")
const [name = "", ...args] = process.argv.slice(2)
const names = exampleNames(root)

if (names.includes(name)) {
  const main = path.join(root, "examples", name, "main.ts")
  const run = spawnSync(process.execPath, ["--conditions=@sluice/source", main, ...args], { stdio: "inherit" })
  process.exitCode = run.status ?? 1
} else {
  const problem = name ? `There is no example "${name}".` : "Which example?"
  process.stderr.write(`${problem} pnpm example <name>, where <name> is one of:\n`)
  for (const each of names) process.stderr.write(`  ${each}\n`)
  process.exitCode = 2
}
