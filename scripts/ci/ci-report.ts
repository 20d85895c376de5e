import { writeFileSync } from "node:fs"
import type { Reporter, SerializedError, TestModule } from "vitest/node"

/** A test file with a failure in it, and the names of the tests that failed: none where the file itself did not load. */
export interface FailedFile {
  readonly file: string
  readonly tests: readonly string[]
}

/** What `scripts/ci/ci.ts` wants to know of one run of the tests. */
export interface TestReport {
  readonly passed: number
  readonly failed: readonly FailedFile[]
  /** Errors that no test caught: they belong to no file, so no second try can say that they are mended. */
  readonly unhandled: readonly string[]
}

/** Writes a {@link TestReport} to the file that `SLUICE_TEST_REPORT` names. Vitest's own JSON leaves unhandled errors out. */
export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const reportFile = process.env["SLUICE_TEST_REPORT"]
    if (!reportFile) return
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const report: TestReport = {
      passed: tests.filter((test) => test.result().state === "passed").length,
      failed: modules.filter((module) => !module.ok()).map(failedFile),
      unhandled: unhandled.map(({ name, message }) => `${name ?? "Error"}: ${message}`),
    }
    writeFileSync(reportFile, JSON.stringify(report))
  }
}

function failedFile(module: TestModule): FailedFile {
  return {
    file: module.moduleId,
    tests: [...module.children.allTests("failed")].map(({ fullName }) => fullName),
  }
}

export interface Counts {
  readonly passed: number
  readonly failed: number
}

/** A file that did not load and an error that no test caught count as one failure each, and so does an exit code that nothing explains. */
export function countsOf(report: TestReport | undefined, exitedOk: boolean): Counts {
  const { passed, failed, unhandled } = report ?? { passed: 0, failed: [], unhandled: [] }
  const known = failedTests(failed) + unhandled.length
  return { passed, failed: known > 0 ? known : exitedOk && passed > 0 ? 0 : 1 }
}

/** How the counts of a run whose failed files were tried once more are shared between the first run and the second. */
export function afterSecondTry(
  first: TestReport,
  second: TestReport | undefined,
  exitedOk: boolean,
): { kept: Counts; again: Counts } {
  const { failed } = countsOf(second, exitedOk)
  return {
    kept: { passed: first.passed, failed: first.unhandled.length },
    again: { passed: Math.max(0, failedTests(first.failed) - failed), failed },
  }
}

function failedTests(files: readonly FailedFile[]): number {
  return files.reduce((sum, { tests }) => sum + Math.max(1, tests.length), 0)
}
