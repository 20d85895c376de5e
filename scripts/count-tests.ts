export interface Counts {
  readonly passed: number
  readonly failed: number
}

/**
 * Reads Vitest's JSON report. What fails outside a test (a file that does not load, an unhandled error,
 * no report at all) counts as one failure, so that a run that exits with an error never counts 0 failures.
 */
export function countTests(report: string | undefined, exitedOk: boolean): Counts {
  const { numPassedTests = 0, numFailedTests = 0 } = JSON.parse(report ?? "{}") as Record<string, number | undefined>
  const nothingRan = numPassedTests + numFailedTests === 0
  const failed = numFailedTests > 0 ? numFailedTests : exitedOk && !nothingRan ? 0 : 1
  return { passed: numPassedTests, failed }
}
