import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import type { Clock } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"
import { onTestFinished } from "vitest"
import { runProgram } from "../../src/run-program.ts"
import { type Ended, ended, startSluice } from "./process.ts"

export { compiled, type Ended, ended, fastProgram, linesOf, program, startSluice, startTelling } from "./process.ts"

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-command-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs the command in this process. `env` is all the environment that it sees. */
export async function sluice(
  args: readonly string[],
  {
    env = {},
    stdin = "",
    interrupts,
    clock = systemClock,
    isTTY = false,
  }: {
    env?: Record<string, string>
    stdin?: string
    interrupts?: Set<() => void>
    clock?: Clock
    /** Whether standard output says that it is a terminal. */
    isTTY?: boolean
  } = {},
): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  if (isTTY) Object.assign(stdout, { isTTY })
  const texts = [stdout, stderr].map(async (stream) => (await stream.setEncoding("utf8").toArray()).join(""))
  const code = await runProgram(args, {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout,
    stderr,
    env,
    clock,
    onInterrupt(listener) {
      interrupts?.add(listener)
      return () => interrupts?.delete(listener)
    },
  })
  stdout.end()
  stderr.end()
  const [out = "", err = ""] = await Promise.all(texts)
  return { code, stdout: out, stderr: err }
}

/** `sluice lab` as a process of its own. */
export async function startLab(
  args: readonly string[],
  cwd: string,
): Promise<{ url: string; kill: () => Promise<void> }> {
  const child = startSluice(["lab", ...args], cwd)
  const end = ended(child)
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL")
    await end
  }
  onTestFinished(kill)
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (line) => resolve(String(line).trim()))
    void end.then(({ stderr }) => reject(new Error(stderr)))
  })
  return { url, kill }
}
