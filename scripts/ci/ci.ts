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
import { findBrowser } from "../testing/browser.ts"
import { afterSecondTry, countsOf, type Counts, type TestReport } from "./ci-report.ts"
import { freeExample } from "../examples/example-names.ts"
import { readmeCommand } from "./readme-command.ts"

interface Row {
  readonly title: string
  readonly seconds: number
  counts: Counts
}

const root = path.join(import.meta.dirname, "../..")
const work = mkdtempSync(path.join(tmpdir(), "sluice-ci-"))
/** With more files than this, something is broken, and a second try would only be slow. */
const filesTriedAgain = 12
/** Whether one stage runs at a time: then its output is shown as it comes. */
let isAlone = true
const summary: Row[] = []
/** Names of tests, so that the last lines alone tell what to look at. */
const remarks: string[] = []

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
for (const remark of remarks) process.stdout.write(`${remark}\n`)
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

function check(title: string, command: string): Promise<Row> {
  return stage(title, command, {}, oneCheck)
}

function oneCheck(ok: boolean): Counts {
  return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/**
 * Files with a failure are tried a second time, by themselves: a test of real processes may have met a machine that was busy with
 * the others. What fails again has failed; what does not is named, to be mended. An error that no test caught stays a failure.
 */
async function tests(): Promise<void> {
  const command = readmeCommand(readFileSync(path.join(root, "README.md"), "utf8"), "test")
  const first = await testRun(`tests (${command})`, command, "tests.json")
  if (!first.report) return
  remark("failed at first", first.report)
  const files = first.report.failed.map(({ file }) => JSON.stringify(file))
  if (files.length === 0 || files.length > filesTriedAgain) return
  const second = await testRun(
    "the files of these once more, by themselves",
    `${command} --maxWorkers=1 ${files.join(" ")}`,
    "again.json",
  )
  if (second.report) remark("failed again", second.report)
  const { kept, again } = afterSecondTry(first.report, second.report, second.ok)
  first.row.counts = kept
  second.row.counts = again
}

async function testRun(title: string, command: string, fileName: string) {
  const reportFile = path.join(work, fileName)
  const read = () => (existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, "utf8")) as TestReport) : undefined)
  let ok = false
  const row = await stage(title, command, { SLUICE_TEST_REPORT: reportFile }, (exitedOk) => {
    ok = exitedOk
    return countsOf(read(), exitedOk)
  })
  return { row, report: read(), ok }
}

function remark(word: string, { failed, unhandled }: TestReport): void {
  for (const { file, tests: names } of failed) {
    for (const name of names.length > 0 ? names : ["(the file itself)"])
      remarks.push(`${word}: ${path.relative(root, file)}: ${name}`)
  }
  for (const error of unhandled) remarks.push(`${word}: caught by no test: ${error}`)
}

async function stage(
  title: string,
  command: string,
  extra: Record<string, string>,
  count: (ok: boolean) => Counts,
): Promise<Row> {
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
  const row = { title, counts: count(code === 0), seconds: (performance.now() - started) / 1000 }
  summary.push(row)
  return row
}

/** Checks never call a vendor. */
function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.endsWith("_API_KEY")))
}
