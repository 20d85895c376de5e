/**
 * Every check, one after the other, also after a failure. The last line is "N passed, N failed":
 * each test of the README's test command counts, and each other check counts as one.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { countTests, type Counts } from "./count-tests.ts"
import { exampleNames } from "./example-names.ts"
import { readmeCommand } from "./readme-command.ts"

const root = path.dirname(import.meta.dirname)
const work = mkdtempSync(path.join(tmpdir(), "sluice-ci-"))
const summary: { readonly title: string; readonly counts: Counts; readonly seconds: number }[] = []

try {
  check("lint", "pnpm lint")
  check("types", "pnpm types")
  tests()
  check("coverage", "pnpm coverage")
  for (const name of exampleNames(root)) check(`example ${name}`, `pnpm example ${name}`)
  check("pack", "pnpm check:pack")
  check("site", "pnpm site")
} finally {
  rmSync(work, { recursive: true, force: true })
}

process.stdout.write("\n")
for (const { title, counts, seconds } of summary) {
  const word = counts.failed > 0 ? "FAILED" : "ok    "
  process.stdout.write(`${word} ${title} (${counts.passed} passed, ${counts.failed} failed, ${seconds.toFixed(1)} s)\n`)
}
const passed = summary.reduce((sum, { counts }) => sum + counts.passed, 0)
const failed = summary.reduce((sum, { counts }) => sum + counts.failed, 0)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed > 0 ? 1 : 0

function check(title: string, command: string): void {
  stage(title, command, {}, (ok) => (ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }))
}

function tests(): void {
  const reportFile = path.join(work, "tests.json")
  const command = readmeCommand(readFileSync(path.join(root, "README.md"), "utf8"), "test")
  stage(`tests (${command})`, command, { SLUICE_TEST_REPORT: reportFile }, (ok) =>
    countTests(existsSync(reportFile) ? readFileSync(reportFile, "utf8") : undefined, ok),
  )
}

function stage(title: string, command: string, extra: Record<string, string>, count: (ok: boolean) => Counts): void {
  process.stdout.write(`\n=== ${title}\n`)
  const started = performance.now()
  const run = spawnSync(command, {
    cwd: root,
    env: { ...withoutKeys(process.env), ...extra },
    shell: true,
    stdio: ["ignore", "inherit", "inherit"],
    timeout: 1_800_000,
  })
  if (run.signal) process.stdout.write(`ended by ${run.signal}: thirty minutes are the limit of a stage\n`)
  summary.push({ title, counts: count(run.status === 0), seconds: (performance.now() - started) / 1000 })
}

/** Checks never call a vendor. */
function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.endsWith("_API_KEY")))
}
