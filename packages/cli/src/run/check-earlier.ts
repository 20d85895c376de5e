import { existsSync, statSync } from "node:fs"
import type { Lane } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { usageError } from "../usage-error.ts"

export interface EarlierCheck {
  readonly run: SqliteRunJournal
  readonly version: string
  readonly out: string
  readonly lane: Lane
  readonly acceptChanges: boolean
}

/** Guards what an earlier run has paid for, and files that are not ours. */
export function checkEarlier(check: EarlierCheck): void {
  checkSame(check)
  checkLeft(check)
}

function checkSame({ run, version, out, acceptChanges }: EarlierCheck): void {
  const before = run.note("version")
  if (before === undefined && out !== "-" && existsSync(out) && statSync(out).size > 0) {
    throw usageError(
      `${out} exists and is not the result of a run recorded in its journal. Move it away, or choose another --out.`,
    )
  }
  if (before === undefined || before === version || acceptChanges) return
  throw usageError(
    `${out} holds answers to another question: the prompt, model or schema changed. Choose another --out, or give --accept-changes to ask everything again.`,
  )
}

/** Online, nothing would look for what an earlier process has in a batch: it would be paid for twice. */
function checkLeft({ run, lane, acceptChanges }: EarlierCheck): void {
  if (lane !== "online" || acceptChanges || run.note("lane") !== "batch") return
  throw usageError(
    "This run was left with answers in vendor batches. Give the same --lane to collect them, or --accept-changes to ask online for what is missing.",
  )
}
