import type { ChildProcess } from "node:child_process"
import { onTestFinished } from "vitest"
import { startSluice } from "../command/process.ts"

/** A key that can be told from all other text. */
export const key = "sk-test-1234567890abcdefghij"

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
