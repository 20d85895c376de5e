import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { join } from "node:path"

/** Starts a program of `fixtures/` from source. */
export function startChild(name: string, ...args: string[]): ChildProcessWithoutNullStreams {
  const program = join(import.meta.dirname, "fixtures", name)
  return spawn(process.execPath, ["--conditions=@sluice/source", program, ...args])
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Collects what a process prints until it ends. */
export function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk) => (stdout += String(chunk)))
  child.stderr.on("data", (chunk) => (stderr += String(chunk)))
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr })))
}

/** Resolves once the process has printed `text`. */
export function printed(child: ChildProcessWithoutNullStreams, text: string): Promise<void> {
  let stdout = ""
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk)
      if (stdout.includes(text)) resolve()
    })
    child.on("close", () => reject(new Error(`ended before it printed ${text}: ${stdout}`)))
  })
}
