import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import type { Clock } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"
import { onTestFinished } from "vitest"
import { runProgram } from "../../src/command/run-program.ts"

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-command-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command in this process. `env` is all the environment that it sees. */
export async function sluice(
  args: readonly string[],
  {
    env = {},
    stdin = "",
    interrupts,
    clock = systemClock,
  }: { env?: Record<string, string>; stdin?: string; interrupts?: Set<() => void>; clock?: Clock } = {},
): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
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

/** The result lines of a file, parsed; none when there is no file. */
export function linesOf(path: string): Record<string, unknown>[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, "utf8")
  if (text !== "" && !text.endsWith("\n")) throw new Error(`half a line at the end of ${path}`)
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

export const program: string = join(import.meta.dirname, "../../src/command/main.ts")

/** The same on a clock that is a hundred times as fast. */
export const fastProgram: string = join(import.meta.dirname, "fixtures/fast-main.ts")

/** Starts the command as a process of its own. */
export function startSluice(args: readonly string[], cwd: string, main = program): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ["--conditions=@sluice/source", main, ...args], { cwd })
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

export function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (chunk) => (stdout += String(chunk)))
  child.stderr.on("data", (chunk) => (stderr += String(chunk)))
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })))
}
