import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor, type VendorServer } from "@sluice/lab"
import { onTestFinished } from "vitest"
import { compiled, program, temporaryFolder } from "./sluice.ts"

/** A vendor over HTTP that is gone after the test. */
export async function labVendor(options: Parameters<typeof startVendor>[0] = {}): Promise<VendorServer> {
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "echo", ...options })
  onTestFinished(() => vendor.stop())
  return vendor
}

export interface Place {
  readonly folder: string
  /** Where the command puts what is temporary. */
  readonly temporary: string
  readonly args: readonly string[]
}

/** A folder with `in.jsonl` of `count` inputs, and the arguments of a run over it. */
export function place(count: number, vendor?: VendorServer): Place {
  const folder = temporaryFolder()
  const temporary = join(folder, "tmp")
  mkdirSync(temporary)
  const lines = Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`)
  writeFileSync(join(folder, "in.jsonl"), lines.join(""))
  const model = vendor ? ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`] : ["-m", "noop:"]
  return { folder, temporary, args: ["run", "in.jsonl", "-p", "Say {{text}}", ...model] }
}

/** The command as a process in that folder; `shell` puts it into a pipeline as `"$@"`. */
export function start(
  { folder, temporary }: Place,
  args: readonly string[],
  {
    shell,
    env = {},
    before = [],
  }: {
    readonly shell?: string
    readonly env?: Readonly<Record<string, string>>
    /** A program that runs the command. */
    readonly before?: readonly string[]
  } = {},
): ChildProcess {
  const command = [...before, process.execPath, "--conditions=@sluice/source", program, ...args]
  const [file = "", ...rest] = shell === undefined ? command : ["bash", "-c", shell, "bash", ...command]
  const child = spawn(file, rest, {
    cwd: folder,
    env: { ...compiled, PATH: process.env["PATH"], TMPDIR: temporary, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}
