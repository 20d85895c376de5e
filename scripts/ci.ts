/**
 * Every check, also after a failure. Lint, types and tests have the machine to themselves; what comes after goes in two lanes side by
 * side, each stage's output in one piece. The last line is "N passed, N failed":
 * each test of the README's test command counts, and each other check counts as one. What is skipped is neither.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { findBrowser } from "../docs/browser.ts"
import { countTests, type Counts } from "./count-tests.ts"
import { freeExample } from "./example-names.ts"
import { readmeCommand } from "./readme-command.ts"

const root = path.dirname(import.meta.dirname)
const work = mkdtempSync(path.join(tmpdir(), "sluice-ci-"))
/** Whether one stage runs at a time: then its output is shown as it comes. */
let isAlone = true
const summary: { readonly title: string; readonly counts: Counts; readonly seconds: number }[] = []

try {
  await check("lint", "pnpm lint")
  await check("types", "pnpm types")
  await tests()
  isAlone = false
  await Promise.all([check("pack", "pnpm check:pack"), theOthers()])
} finally {
  rmSync(work, { recursive: true, force: true })
}

process.stdout.write("\n")
for (const { title, counts, seconds } of summary) {
  const word = counts.failed > 0 ? "FAILED" : counts.passed > 0 ? "ok" : "SKIPPED"
  process.stdout.write(
    `${word.padEnd(7)} ${title} (${counts.passed} passed, ${counts.failed} failed, ${seconds.toFixed(1)} s)\n`,
  )
}
const passed = summary.reduce((sum, { counts }) => sum + counts.passed, 0)
const failed = summary.reduce((sum, { counts }) => sum + counts.failed, 0)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed > 0 ? 1 : 0

async function theOthers(): Promise<void> {
  await check("coverage", "pnpm coverage")
  await check(`example ${freeExample}`, `pnpm example ${freeExample}`)
  await check("site", "pnpm site")
  const look = `pnpm site:look${process.env["CI"] ? " --required" : ""}`
  const isSkipped = findBrowser() === undefined
  await stage("site in a browser", look, {}, (ok) => (ok && isSkipped ? { passed: 0, failed: 0 } : oneCheck(ok)))
}

function check(title: string, command: string): Promise<void> {
  return stage(title, command, {}, oneCheck)
}

function oneCheck(ok: boolean): Counts {
  return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

function tests(): Promise<void> {
  const reportFile = path.join(work, "tests.json")
  const command = readmeCommand(readFileSync(path.join(root, "README.md"), "utf8"), "test")
  return stage(`tests (${command})`, command, { SLUICE_TEST_REPORT: reportFile }, (ok) =>
    countTests(existsSync(reportFile) ? readFileSync(reportFile, "utf8") : undefined, ok),
  )
}

async function stage(
  title: string,
  command: string,
  extra: Record<string, string>,
  count: (ok: boolean) => Counts,
): Promise<void> {
  const started = performance.now()
  const child = spawn(command, {
    cwd: root,
    env: { ...withoutKeys(process.env), ...extra },
    shell: true,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 1_800_000,
  })
  const output: Buffer[] = [Buffer.from(`\n=== ${title}\n`)]
  const show = (): void => void process.stdout.write(Buffer.concat(output.splice(0)))
  if (isAlone) show()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output.push(chunk)
      if (isAlone) show()
    })
  }
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null]
  show()
  if (signal) process.stdout.write(`ended by ${signal}: thirty minutes are the limit of a stage\n`)
  summary.push({ title, counts: count(code === 0), seconds: (performance.now() - started) / 1000 })
}

/** Checks never call a vendor. */
function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.endsWith("_API_KEY")))
}
