import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { openJournal } from "@sluice/journal"
import { expect, onTestFinished, vi } from "vitest"
import type { ScriptedVendor } from "./scripted-vendor.ts"

const program = path.join(import.meta.dirname, "../../cli/src/main.ts")
export const key = "sk-a-key-that-nobody-may-see-1234"

/** A busy machine takes its time. */
const timeout = 60_000
export const until = (condition: () => boolean): Promise<boolean> => vi.waitUntil(condition, { timeout })
export const soon = <T>(what: () => T) => expect.poll(what, { timeout })

export interface Started {
  readonly said: () => string
  readonly child: ChildProcessWithoutNullStreams
  readonly code: Promise<number | null>
  /** The address of its page. */
  url(): Promise<string>
}

/** `sluice` with these arguments, in this folder. */
export function startCommand(folder: string, args: readonly string[]): Started {
  const child = spawn(process.execPath, ["--conditions=@sluice/source", program, ...args], {
    cwd: folder,
    // With what Node has compiled for other tests (`vitest.workspace.ts`).
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      SLUICE_API_KEY: key,
    },
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  let said = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()))
  const code = new Promise<number | null>((resolve) => child.on("close", resolve))
  const url = (): Promise<string> => vi.waitUntil(() => /Page: (\S+)/.exec(said)?.[1], { timeout })
  return { said: () => said, child, code, url }
}

/** A folder with these texts in `in.jsonl`, and the arguments of a run over them. */
export function folderOf(
  vendor: ScriptedVendor,
  texts: readonly string[],
): { readonly folder: string; readonly args: readonly string[] } {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-page-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, "in.jsonl"), texts.map((text) => `${JSON.stringify({ text })}\n`).join(""))
  const model = ["-m", "openai-compatible:gpt-5-mini", "--base-url", vendor.url]
  return { folder, args: ["run", "in.jsonl", "-p", "{{text}}", ...model, "-o", "out.jsonl"] }
}

export interface Run extends Omit<Started, "url"> {
  readonly folder: string
  readonly url: string
}

/** `sluice run … --ui 0` over these texts. */
export async function startRun(
  vendor: ScriptedVendor,
  texts: readonly string[],
  more: readonly string[] = [],
): Promise<Run> {
  const { folder, args } = folderOf(vendor, texts)
  const started = startCommand(folder, [...args, "--ui", "0", ...more])
  return { ...started, folder, url: await started.url() }
}

/** Who took a hand in the run, and when, as its journal has it. */
export async function handsOn(
  folder: string,
): Promise<readonly { readonly action: string; readonly by: string; readonly at: string }[]> {
  const journal = openJournal({ path: path.join(folder, "out.jsonl.journal") })
  onTestFinished(() => journal.close())
  const { runId, flow } = journal.runs()[0]!
  return (await journal.openRun({ runId, flow })).note("control") as Awaited<ReturnType<typeof handsOn>>
}
