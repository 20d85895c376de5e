import type { ChildProcess } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { onTestFinished } from "vitest"
import { type Ended, ended, startSluice, temporaryFolder } from "../command/sluice.ts"

/** A key that can be told from all other text. */
export const key = "sk-test-1234567890abcdefghij"

export interface FileOfInputs {
  readonly folder: string
  readonly out: string
  readonly args: string[]
}

/** A file of so many inputs, and the arguments of a run over them. */
export function fileOfInputs(count: number, ...more: readonly string[]): FileOfInputs {
  const folder = temporaryFolder()
  const [file, out] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")]
  const lines = Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`)
  writeFileSync(file, lines.join(""))
  return { folder, out, args: ["run", file, "-p", "Say {{text}}.", "-o", out, ...more] }
}

/** What asks `openai-compatible:x` there. */
export function modelAt(url: string): string[] {
  return ["-m", "openai-compatible:x", "--base-url", `${url}/v1`]
}

export async function until(is: () => boolean): Promise<void> {
  while (!is()) await sleep(10)
}

export interface StartedRun {
  readonly child: ChildProcess
  /** What it has said so far. */
  readonly said: () => string
  readonly ended: Promise<Ended>
}

/** A run as a process of its own. */
export function startRun(args: readonly string[], cwd: string): StartedRun {
  const child = startSluice(args, cwd, { env: { SLUICE_API_KEY: key } })
  let text = ""
  child.stderr.on("data", (chunk) => (text += String(chunk)))
  return { child, said: () => text, ended: ended(child) }
}

export interface StartedWorker {
  readonly child: ChildProcess
  /** What it has said so far. */
  readonly said: () => string
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
}

/** `sluice worker` as a process of its own, once it takes items. */
export async function startSluiceWorker(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = { SLUICE_API_KEY: key },
): Promise<StartedWorker> {
  const child = startSluice(["worker", ...args], cwd, { env })
  onTestFinished(() => void child.kill("SIGKILL"))
  let text = ""
  const ended = new Promise<number | string | null>((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? signal)),
  )
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      text += String(chunk)
      if (text.includes("until Ctrl-C")) resolve()
    })
    void ended.then(() => reject(new Error(text)))
  })
  return { child, said: () => text, ended }
}
