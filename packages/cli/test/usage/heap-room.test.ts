import { spawn } from "node:child_process"
import { expect, test } from "vitest"
import { ended, program, temporaryFolder } from "../command/sluice.ts"

const telling = `data:text/javascript,${encodeURIComponent('process.stderr.write(process.execArgv.join(" ") + "\\n")')}`

/** The flags of Node that the command runs with in the end. */
async function flagsOf(...args: readonly string[]): Promise<string> {
  const flags = ["--conditions=@sluice/source", "--import", telling]
  const { code, stderr } = await ended(
    spawn(process.execPath, [...flags, program, ...args], { cwd: temporaryFolder() }),
  )
  expect(code).toBe(0)
  return stderr.trim().split("\n").at(-1)!
}

const isReplaced = process.platform !== "win32" && typeof process.execve === "function"

test.runIf(isReplaced).each([
  ["run --help", "20"],
  ["run --ui --help", "60"],
  ["run --ui 7000 --help", "60"],
  ["run --ui=7000 --help", "60"],
])("%s: the heap grows by %s % before it is looked through", async (line, percent) => {
  const flags = (await flagsOf(...line.split(" "))).split(" ")
  expect(flags).toContain("--max-semi-space-size=4")
  expect(flags.filter((flag) => flag.startsWith("--heap-growing-percent"))).toEqual([
    `--heap-growing-percent=${percent}`,
  ])
})

test("other commands are not started again", async () => {
  expect(await flagsOf("inspect", "--help")).not.toContain("heap-growing")
})
