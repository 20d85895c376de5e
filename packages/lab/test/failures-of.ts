import type { TestFramework } from "../src/index.ts"

/** Runs a suite, or the tests of it whose names match, and answers the names of those that fail or do not end. */
export async function failuresOf(suite: (framework: TestFramework) => void, matching = /./): Promise<string[]> {
  const tests: { name: string; run: () => Promise<void> | void }[] = []
  suite({
    describe: (_name, define) => define(),
    it: (name, run) => {
      if (matching.test(name)) tests.push({ name, run })
    },
  })
  if (tests.length === 0) throw new Error(`no test matches ${String(matching)}`)
  const failed: string[] = []
  for (const { name, run } of tests) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stuck = new Promise((_resolve, reject) => (timer = setTimeout(() => reject(new Error("does not end")), 500)))
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
