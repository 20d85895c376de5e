import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export const program: string = join(import.meta.dirname, "../../src/main.ts")

/** The same on a clock that is a hundred times as fast. */
export const fastProgram: string = join(import.meta.dirname, "../fixtures/fast-main.ts")

/** What every process here takes from this one, also where the test says the rest of its environment: what Node has compiled (`vitest.workspace.ts`). */
export const compiled: NodeJS.ProcessEnv = { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] }

/** Starts a program of ours from source as a process of its own; the command when none is named. */
export function startSluice(
  args: readonly string[],
  cwd: string,
  { main = program, env = {} }: { main?: string; env?: Readonly<Record<string, string>> } = {},
): ChildProcessWithoutNullStreams {
  const environment = { ...process.env, ...env }
  return spawn(process.execPath, ["--conditions=@sluice/source", main, ...args], { cwd, env: environment })
}

/**
 * The same with its standard error on an open file: what it has written there is there, however it ends. Of a pipe that
 * is not read fast enough, the rest waits in the process and goes with it.
 */
export function startTelling(args: readonly string[], cwd: string, stderr: number, main = program): ChildProcess {
  return spawn(process.execPath, ["--conditions=@sluice/source", main, ...args], {
    cwd,
    stdio: ["ignore", "pipe", stderr],
  })
}

export function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ["", ""]
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)))
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)))
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })))
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
