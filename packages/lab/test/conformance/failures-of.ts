import type { TestFramework } from "../../src/index.ts"

interface Test {
  readonly name: string
  readonly run: () => Promise<void> | void
}

function testsOf(suite: (framework: TestFramework) => void): Test[] {
  const tests: Test[] = []
  suite({ describe: (_name, define) => define(), it: (name, run) => tests.push({ name, run }) })
  return tests
}

/** The names of a suite's tests. */
export function namesOf(suite: (framework: TestFramework) => void): string[] {
  return testsOf(suite).map(({ name }) => name)
}

/** Runs a suite, or those tests of it that are named, and answers the names of those that fail or do not end. */
export async function failuresOf(
  suite: (framework: TestFramework) => void,
  only?: ReadonlySet<string>,
): Promise<string[]> {
  const tests = testsOf(suite).filter(({ name }) => only?.has(name) ?? true)
  if (only && tests.length !== only.size) throw new Error(`not all of these are tests: ${[...only].join(", ")}`)
  const failed: string[] = []
  for (const { name, run } of tests) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stuck = new Promise(
      (_resolve, reject) => (timer = setTimeout(() => reject(new Error("does not end")), 5_000)),
    )
    try {
      await Promise.race([run(), stuck])
    } catch {
      failed.push(name)
    } finally {
      clearTimeout(timer)
    }
  }
  return failed
}
