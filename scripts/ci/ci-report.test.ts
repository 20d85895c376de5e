import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, expect, test } from "vitest"
import { afterSecondTry, countsOf, type TestReport } from "./ci-report.ts"
import { readmeCommand } from "./readme-command.ts"

const work = mkdtempSync(path.join(tmpdir(), "sluice-ci-report-"))
afterAll(() => rmSync(work, { recursive: true, force: true }))

test("a real run is told whole: what passed, which tests failed, files that do not load, errors that no test caught", () => {
  const reportFile = path.join(work, "report.json")
  const root = path.join(import.meta.dirname, "../..")
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
  const run = spawnSync(process.execPath, [vitest, "run", "--config", "scripts/ci/fixture/vitest.config.ts"], {
    cwd: root,
    env: { ...process.env, SLUICE_TEST_REPORT: reportFile },
  })
  expect(run.status, String(run.stderr)).toBe(1)
  const report = JSON.parse(readFileSync(reportFile, "utf8")) as TestReport
  const fixture = (name: string) => path.join(root, "scripts/ci/fixture", name)
  expect({ ...report, failed: report.failed.toSorted((a, b) => (a.file < b.file ? -1 : 1)) }).toEqual({
    passed: 2,
    failed: [
      { file: fixture("failing.fixture.ts"), tests: ["a group > two fails"] },
      { file: fixture("unloadable.fixture.ts"), tests: [] },
    ],
    unhandled: ["TypeError: nobody caught this"],
  })
})

const failing = { file: "a.test.ts", tests: ["one", "two"] }
const unloadable = { file: "b.test.ts", tests: [] }
const unhandled = ["TypeError: nobody caught this"]
const clean: TestReport = { passed: 7, failed: [], unhandled: [] }

test.each([
  { what: "all passed", report: clean, exitedOk: true, counts: { passed: 7, failed: 0 } },
  { what: "two failed", report: { ...clean, failed: [failing] }, exitedOk: false, counts: { passed: 7, failed: 2 } },
  {
    what: "a file did not load",
    report: { ...clean, failed: [failing, unloadable] },
    exitedOk: false,
    counts: { passed: 7, failed: 3 },
  },
  { what: "an unhandled error", report: { ...clean, unhandled }, exitedOk: false, counts: { passed: 7, failed: 1 } },
  { what: "failed, nobody knows why", report: clean, exitedOk: false, counts: { passed: 7, failed: 1 } },
  { what: "no report", report: undefined, exitedOk: true, counts: { passed: 0, failed: 1 } },
  { what: "nothing ran", report: { ...clean, passed: 0 }, exitedOk: true, counts: { passed: 0, failed: 1 } },
])("$what", ({ report, exitedOk, counts }) => {
  expect(countsOf(report, exitedOk)).toEqual(counts)
})

test("a second try takes back only what it shows to pass, and never an error that no test caught", () => {
  const first: TestReport = { passed: 7, failed: [failing, unloadable], unhandled }
  const sum = (second: TestReport | undefined, exitedOk: boolean) => {
    const { kept, again } = afterSecondTry(first, second, exitedOk)
    return { passed: kept.passed + again.passed, failed: kept.failed + again.failed }
  }
  expect(sum({ passed: 5, failed: [], unhandled: [] }, true)).toEqual({ passed: 10, failed: 1 })
  expect(sum({ passed: 4, failed: [{ ...failing, tests: ["two"] }], unhandled: [] }, false)).toEqual({
    passed: 9,
    failed: 2,
  })
  expect(sum(undefined, false).failed).toBeGreaterThanOrEqual(2)
})

test("the README's command is the whole line", () => {
  expect(readmeCommand("Run\n```\nnpx -y a pnpm demo\nnpx -y a pnpm test\n```\n", "test")).toBe("npx -y a pnpm test")
  expect(() => readmeCommand("nothing", "test")).toThrow('README.md has no line "npx … pnpm test"')
})
