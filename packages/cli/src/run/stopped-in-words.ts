import { SluiceError, type SluiceErrorCode } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { formatUsd } from "../display/quantities.ts"

/** What ended a command early, in a word or two: `stopped: budget` in lists of runs. */
const reasons: Partial<Record<SluiceErrorCode, string>> = {
  "budget-exhausted": "budget",
  "quota-exhausted": "quota",
  "deadline-unreachable": "deadline",
  "too-many-failures": "max-failures",
  "vendor-refused": "refusals",
  connection: "no connection",
}

const note = "stopped"

/** Why the last command of a run ended before its inputs did; nothing where it did not. */
export async function keepStopped(run: SqliteRunJournal, stopped: SluiceError | undefined): Promise<void> {
  const before = run.note(note) ?? null
  const now = stopped === undefined ? null : (reasons[stopped.code] ?? stopped.code)
  if (before !== now) await run.putNote(note, now)
}

const plainly: Readonly<Record<string, string>> = {
  cancelled: "stopped: Ctrl-C",
  interrupted: "died: killed, or a power cut",
}

/** `stopped: budget`, where the journal calls a run failed that was only ended early; and of one that somebody ended, who. */
export function statusInWords(
  status: string,
  journal: { note(runId: string, name: string): unknown },
  runId: string,
): string {
  const stopped = stoppedBy(status, journal, runId)
  return stopped === undefined ? (plainly[status] ?? status) : `stopped: ${stopped}`
}

/** What ended a run early by itself: `budget`. */
export function stoppedBy(
  status: string,
  journal: { note(runId: string, name: string): unknown },
  runId: string,
): string | undefined {
  return status === "failed" ? z.string().safeParse(journal.note(runId, note)).data : undefined
}

/** The end of a budget as the command calls things; every other reason as it is. */
export function stoppedInWords(
  stopped: SluiceError,
  { budgetUsd, spentUsd }: { readonly budgetUsd: number | undefined; readonly spentUsd: number },
): SluiceError {
  const { needsUsd, leftUsd } = stopped.details
  if (stopped.code !== "budget-exhausted" || typeof needsUsd !== "number" || typeof leftUsd !== "number") return stopped
  const [name, whole] =
    budgetUsd === undefined ? ["the budget of the configuration", ""] : ["--budget-usd", ` of ${formatUsd(budgetUsd)}`]
  return new SluiceError(
    "budget-exhausted",
    `${name}${whole}: ${formatUsd(spentUsd)} spent, ${formatUsd(leftUsd)} left, and the next call may cost ${formatUsd(needsUsd)}. It was not sent. The budget is that of one command: give it again to spend as much again, raise it, or lower --max-output-tokens.`,
    { details: stopped.details, cause: stopped },
  )
}
