import type { Lane } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { usageError } from "../usage-error.ts"

export interface EarlierCheck {
  readonly run: SqliteRunJournal
  readonly version: string
  readonly out: string
  readonly lane: Lane
  readonly acceptChanges: boolean
  /** What makes up the question, for a person: each part's name, and its text or a hash of it. */
  readonly parts: Readonly<Record<string, string>>
  /** Whether anything was answered. */
  readonly hasAnswers: () => boolean
}

/** Guards what an earlier run has paid for. */
export function checkEarlier(check: EarlierCheck): void {
  checkSame(check)
  checkLeft(check)
}

function checkSame({ run, version, out, acceptChanges, parts, hasAnswers }: EarlierCheck): void {
  const before = run.note("version")
  if (before === undefined || before === version || acceptChanges || !hasAnswers()) return
  throw usageError(
    `${out} holds answers to another question: ${changeIn(run.note("question"), parts)} changed. Choose another --out, or give --accept-changes to ask everything again.`,
  )
}

/** Online, nothing would look for what an earlier process has in a batch: it would be paid for twice. */
function checkLeft({ run, lane, acceptChanges }: EarlierCheck): void {
  if (lane !== "online" || acceptChanges || run.note("lane") !== "batch") return
  throw usageError(
    "This run was left with answers in vendor batches. Give the same --lane to collect them, or --accept-changes to ask online for what is missing.",
  )
}

function changeIn(before: unknown, now: Readonly<Record<string, string>>): string {
  const known = z.record(z.string(), z.string()).safeParse(before)
  if (!known.success) return "the prompt, model or schema"
  const names = [...new Set([...Object.keys(known.data), ...Object.keys(now)])]
  const changed = names.filter((name) => known.data[name] !== now[name])
  return changed
    .map((name) => (name === "model" ? `the model (it was ${known.data[name]})` : `the ${name}`))
    .join(" and ")
}
