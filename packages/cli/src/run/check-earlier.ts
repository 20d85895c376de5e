import type { Lane } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { usageError } from "../usage-error.ts"

export interface EarlierRun {
  readonly run: SqliteRunJournal
  readonly acceptChanges: boolean
  /** Whether anything was answered. */
  readonly hasAnswers: () => boolean
}

/** Online, nothing would look for what an earlier process has in a batch: it would be paid for twice. */
export function checkLeft({ run, acceptChanges }: EarlierRun, lane: Lane): void {
  if (lane !== "online" || acceptChanges || run.note("lane") !== "batch") return
  throw usageError(
    "This run was left with answers in vendor batches. Give the same --lane to collect them, or --accept-changes to ask online for what is missing.",
  )
}

const note = "key"

/** Under another name no answer would be found again, and each be paid for twice. */
export function checkKey({ run, acceptChanges, hasAnswers }: EarlierRun, key: string | undefined): void {
  const before = run.note(note)
  if (acceptChanges || before === undefined || before === (key ?? null) || !hasAnswers()) return
  const named = typeof before === "string" ? `named by --key ${before}` : "without names"
  const same = typeof before === "string" ? `Give --key ${before}` : "Leave --key out"
  throw usageError(
    `The answers of this run are ${named}. ${same}, choose another --out, or give --accept-changes to ask everything again.`,
  )
}

export async function keepKey(run: SqliteRunJournal, key: string | undefined): Promise<void> {
  await run.putNote(note, key ?? null)
}
