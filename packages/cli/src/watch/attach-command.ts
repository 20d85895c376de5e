import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { openJournal, type RunSummary, type SqliteJournal } from "@sluice/journal"
import { journalOf, runNamed } from "../commands/journal-commands.ts"
import { drawFrames } from "../display/draw-frames.ts"
import type { FrameState } from "../display/frame-state.ts"
import { printable } from "../display/printable.ts"
import { formatCount } from "../display/quantities.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import { statusInWords } from "../run/stopped-in-words.ts"
import { usageError } from "../usage-error.ts"
import { keepEveryMs, type KeptFrame, keptFrame } from "./kept-frame.ts"
import { type RunningRun, runningRuns } from "./ps-command.ts"

/** How often the journal is looked at. */
const lookEveryMs = 500

/** `sluice attach RUN`: the display of a run that another process carries out, from its journal. Ctrl-C leaves it alone. */
export async function attachCommand(
  named: string | undefined,
  { journal: file }: { readonly journal?: string },
  terminal: Terminal,
): Promise<number> {
  const { path, runId } = await find(named, file, terminal.env)
  const journal = openJournal({ path, readOnly: true, clock: terminal.clock })
  try {
    const run = runNamed(journal, runId)
    if (run.status !== "running") {
      throw usageError(
        `${run.runId} does not run: ${toldOf(run, journal)} \`sluice inspect\` shows it, \`sluice ps\` what runs.`,
      )
    }
    return await follow(journal, run, terminal)
  } finally {
    await journal.close()
  }
}

async function find(
  named: string | undefined,
  file: string | undefined,
  env: Terminal["env"],
): Promise<{ readonly path: string; readonly runId: string | undefined }> {
  if (file !== undefined) return { path: file, runId: named }
  const kept = (await runningRuns(env)).filter(({ journal }) => journal !== undefined)
  const found = kept.filter((run) => named === undefined || isMeant(run, named))
  const [only] = found
  if (only?.journal !== undefined && found.length === 1) return { path: only.journal, runId: only.runId }
  const isProcess = named !== undefined && /^\d+$/.test(named) && !existsSync(`${named}.journal`)
  if (isProcess && found.length === 0)
    throw usageError(`There is no process ${named} that carries out a run. \`sluice ps\` shows which there are.`)
  if (named !== undefined && found.length === 0) return { path: journalOf(named, undefined), runId: named }
  const names = (found.length > 0 ? found : kept).map(({ pid, title }) => `${pid} (${title})`)
  throw usageError(
    names.length === 0
      ? "No run with a journal goes on. `sluice runs` lists those that are recorded here."
      : `Which run? Give its number: ${names.join(", ")}.`,
  )
}

/** By its process, its name, or its files. */
function isMeant({ pid, runId, journal }: RunningRun, named: string): boolean {
  const path = resolve(named)
  return named === String(pid) || named === runId || journal === path || journal === `${path}.journal`
}

async function follow(journal: SqliteJournal, run: RunSummary, terminal: Terminal): Promise<number> {
  const { stdout, clock, env } = terminal
  const { runId } = run
  let isLeft = false
  let wake = (): void => {}
  const stopListening = terminal.onInterrupt(() => {
    isLeft = true
    wake()
  })
  let kept: KeptFrame = keptFrame(journal, runId) ?? { atMs: clock.wallNow(), state: beginning(run) }
  const state = (): FrameState => {
    const { atMs, state: shown } = kept
    // The clock goes on between two frames; a run that has ended has none after its last.
    const sinceMs = Math.min(keepEveryMs, Math.max(0, clock.wallNow() - atMs))
    return { ...shown, elapsedMs: shown.elapsedMs + sinceMs }
  }
  const drawing = drawFrames({ stream: stdout, clock, state, env })
  try {
    for (let now: RunSummary | undefined = run; ;) {
      await new Promise<void>((next) => {
        const cancel = clock.setTimer(lookEveryMs, next)
        wake = () => {
          cancel()
          next()
        }
      })
      const before = kept.atMs
      kept = keptFrame(journal, runId) ?? kept
      // Counting the items of a long run takes a while: it is asked when nothing new comes.
      const isStill = kept.atMs === before && clock.wallNow() - kept.atMs > keepEveryMs
      if (isStill || kept.state.succeeded + kept.state.failed === kept.state.total)
        now = journal.runs().find((one) => one.runId === runId)
      if (isLeft || now?.status !== "running") {
        drawing.stop()
        stdout.write(isLeft ? "The run goes on.\n" : `${printable(runId)}: ${now ? toldOf(now, journal) : "gone."}\n`)
        return isLeft ? exitCodes.done : codeOf(now, journal)
      }
    }
  } finally {
    drawing.stop()
    stopListening()
  }
}

/** Of a run that has kept no frame yet. */
function beginning({ runId }: RunSummary): FrameState {
  const calls = { inFlight: 0, retried: 0, throttled: 0 }
  const nothing = { succeeded: 0, failed: 0, inFlight: 0, elapsedMs: 0, calls, waiting: [], rates: [], notes: [] }
  return { title: runId, unit: "item", ...nothing }
}

function toldOf({ runId, status, ok = 0, failed = 0 }: RunSummary, journal: SqliteJournal): string {
  return `${statusInWords(status, journal, runId)}, ${formatCount(ok)} ok, ${formatCount(failed)} failed.`
}

function codeOf(run: RunSummary | undefined, journal: SqliteJournal): number {
  if (run?.status === "ok") return exitCodes.done
  if (run?.status !== "failed") return exitCodes.interrupted
  return statusInWords(run.status, journal, run.runId) === run.status ? exitCodes.someFailed : exitCodes.stopped
}
