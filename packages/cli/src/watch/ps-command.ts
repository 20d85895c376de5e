import type { RunSummary } from "@sluice/journal"
import { reading } from "../commands/journal-commands.ts"
import type { FrameState } from "../display/frame-state.ts"
import { plainTable } from "../display/plain-table.ts"
import { printable, printableJson } from "../display/printable.ts"
import { formatCount, formatDuration, formatUsd } from "../display/quantities.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import { type Announcement, announcements } from "./announcement.ts"
import { keptFrame } from "./kept-frame.ts"

/** A run that goes on, and what its journal says of it. */
export interface RunningRun extends Announcement {
  readonly state?: FrameState | undefined
}

/** `sluice ps`: what this user runs on this machine, the oldest first. */
export async function psCommand({ json = false }: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const { stdout, stderr, clock, env } = terminal
  const runs = await runningRuns(env)
  if (json) {
    for (const run of runs) stdout.write(`${printableJson(run)}\n`)
    return exitCodes.done
  }
  if (runs.length === 0) {
    stderr.write("Nothing runs on this machine.\n")
    return exitCodes.done
  }
  const table = plainTable(["pid", "run", "done", "failed", "for", "eta", "spent", "journal"])
  for (const { pid, title, startedAtMs, journal, state } of runs) {
    const done = state && `${formatCount(state.succeeded + state.failed)}${ofTotal(state)}`
    table.push([
      pid,
      printable(title),
      done ?? "",
      state ? formatCount(state.failed) : "",
      formatDuration(clock.wallNow() - startedAtMs),
      etaOf(state),
      state?.costUsd === undefined ? "" : formatUsd(state.costUsd),
      journal === undefined ? "none" : printable(journal),
    ])
  }
  stdout.write(`${table.toString()}\n`)
  return exitCodes.done
}

/** What is paused has none. */
function etaOf({ pausedBy, etaMs }: Partial<FrameState> = {}): string {
  if (pausedBy !== undefined) return `paused by ${printable(pausedBy)}`
  return etaMs === undefined ? "" : formatDuration(etaMs)
}

function ofTotal({ total }: FrameState): string {
  return total === undefined ? "" : `/${formatCount(total)}`
}

export async function runningRuns(env: Terminal["env"]): Promise<RunningRun[]> {
  const runs: RunningRun[] = []
  for (const told of announcements(env)) {
    if (told.journal === undefined) {
      runs.push(told)
      continue
    }
    let found: { readonly summary?: RunSummary | undefined; readonly state?: FrameState | undefined } = {}
    // A journal that is gone, or cannot be read just now, hides no other run.
    await reading(told.journal, (journal) => {
      const summary = journal.runs().find(({ runId }) => runId === told.runId)
      found = { summary, state: keptFrame(journal, told.runId)?.state }
    }).catch(() => {})
    // Another process may have the number of one that was killed.
    if (found.summary?.pid === told.pid) runs.push({ ...told, state: found.state })
  }
  return runs
}
