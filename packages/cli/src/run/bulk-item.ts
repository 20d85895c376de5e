import type { RecordIdentity } from "@sluice/core"
import { AnswerFailure } from "../asking/answer.ts"
import { emptyNotes, type ItemNotes } from "./item-notes.ts"
import { keyOf } from "../input/input-key.ts"
import type { Input } from "../input/input.ts"
import { batch } from "../results/result-files.ts"

/** An input on its way: who it is, and what its calls told. */
export interface BulkItem extends Input {
  readonly index: number
  readonly identity: RecordIdentity
  readonly notes: ItemNotes
  /** Ends what it waits for; it stays open. */
  readonly leaving: AbortController
  /** The result files that are there have a line for it. */
  isEarlier: boolean
}

export function bulkItem(
  input: Input,
  index: number,
  { keyField, version }: { readonly keyField: string | undefined; readonly version: string },
): BulkItem {
  const unkeyed = { ...batch, index, input: input.record, version }
  const identity = keyField === undefined ? unkeyed : { ...unkeyed, key: keyOf(input, keyField) }
  return { ...input, index, identity, notes: emptyNotes(), leaving: new AbortController(), isEarlier: false }
}

/** The error with that of every attempt, the input, and what came of the answer. */
export function withNotes(error: unknown, { record, notes }: BulkItem): unknown {
  if (!(error instanceof Error)) return error
  const output = error instanceof AnswerFailure ? { output: error.text } : {}
  return Object.assign(
    error,
    { kept: { input: record, ...output } },
    notes.errors.length > 0 && { errors: notes.errors },
  )
}
