import path from "node:path"

export interface Counts {
  readonly passed: number
  readonly failed: number
}

interface Report {
  readonly numPassedTests?: number
  readonly numFailedTests?: number
  readonly testResults?: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults?: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/**
 * Reads Vitest's JSON report. What fails outside a test (a file that does not load, an unhandled error,
 * no report at all) counts as one failure, so that a run that exits with an error never counts 0 failures.
 */
export function countTests(report: string | undefined, exitedOk: boolean): Counts {
  const { numPassedTests = 0, numFailedTests = 0 } = JSON.parse(report ?? "{}") as Report
  const nothingRan = numPassedTests + numFailedTests === 0
  const failed = numFailedTests > 0 ? numFailedTests : exitedOk && !nothingRan ? 0 : 1
  return { passed: numPassedTests, failed }
}

/** A test file with a failure in it: its path from `root`, and the names of the tests that failed. */
export interface FailedFile {
  readonly file: string
  readonly tests: readonly string[]
}

export function failedFiles(report: string | undefined, root: string): FailedFile[] {
  const { testResults = [] } = JSON.parse(report ?? "{}") as Report
  return testResults
    .filter(({ status }) => status === "failed")
    .map(({ name, assertionResults = [] }) => ({
      file: path.relative(root, name),
      tests: assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
    }))
}
