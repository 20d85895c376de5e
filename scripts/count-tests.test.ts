import { expect, test } from "vitest"
import { countTests, failedFiles } from "./count-tests.ts"
import { readmeCommand } from "./readme-command.ts"

const report = (numPassedTests: number, numFailedTests: number): string =>
  JSON.stringify({ numPassedTests, numFailedTests })

test.each([
  { what: "all passed", report: report(7, 0), exitedOk: true, counts: { passed: 7, failed: 0 } },
  { what: "two failed", report: report(5, 2), exitedOk: false, counts: { passed: 5, failed: 2 } },
  { what: "a file did not load", report: report(7, 0), exitedOk: false, counts: { passed: 7, failed: 1 } },
  { what: "no report", report: undefined, exitedOk: true, counts: { passed: 0, failed: 1 } },
  { what: "nothing ran", report: report(0, 0), exitedOk: true, counts: { passed: 0, failed: 1 } },
])("$what", ({ report: json, exitedOk, counts }) => {
  expect(countTests(json, exitedOk)).toEqual(counts)
})

test("the README's command is the whole line", () => {
  expect(readmeCommand("Run\n```\nnpx -y a pnpm demo\nnpx -y a pnpm test\n```\n", "test")).toBe("npx -y a pnpm test")
  expect(() => readmeCommand("nothing", "test")).toThrow('README.md has no line "npx … pnpm test"')
})

test("files with a failure are known by their path, and by the tests that failed", () => {
  const json = JSON.stringify({
    numPassedTests: 1,
    numFailedTests: 1,
    testResults: [
      {
        name: "/repo/packages/core/test/good.test.ts",
        status: "passed",
        assertionResults: [{ status: "passed", fullName: "good" }],
      },
      {
        name: "/repo/packages/core/test/bad.test.ts",
        status: "failed",
        assertionResults: [
          { status: "passed", fullName: "one" },
          { status: "failed", fullName: "two" },
        ],
      },
      { name: "/repo/scripts/unloadable.test.ts", status: "failed", assertionResults: [] },
    ],
  })
  expect(failedFiles(json, "/repo")).toEqual([
    { file: "packages/core/test/bad.test.ts", tests: ["two"] },
    { file: "scripts/unloadable.test.ts", tests: [] },
  ])
  expect(failedFiles(undefined, "/repo")).toEqual([])
})
