import type { RecordIdentity } from "@sluice/core"
import { AnswerFailure } from "../../asking/answer.ts"
import { emptyNotes, type ItemNotes } from "./item-notes.ts"
import { type Input, keyOf } from "../../input/input.ts"
import type { StoredAnswer } from "../../results/result-fields.ts"
import { batch } from "../../results/result-files.ts"
import type { AskedVariant } from "../../variants/variant.ts"
import type { BulkRunOptions } from "./bulk-run-options.ts"

/** An input on its way: who it is, and what its calls told. */
export interface BulkItem extends Input {
  readonly index: number
  /** What is asked about it, and its place among the others. */
  readonly variant: AskedVariant
  readonly at: number
  readonly spanId: number
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
  at: number,
  { keyField, variants, clock }: Pick<BulkRunOptions, "keyField" | "variants" | "clock">,
): BulkItem {
  const variant = variants[at] ?? variants[0]
  const { params, version } = variant
  const unkeyed = { ...batch, params, index, input: input.record, version }
  const identity = keyField === undefined ? unkeyed : { ...unkeyed, key: keyOf(input, keyField) }
  const spanId = index * variants.length + at + 1
  return {
    ...input,
    index,
    variant,
    at,
    spanId,
    identity,
    notes: emptyNotes(clock, spanId),
    leaving: new AbortController(),
    isEarlier: false,
  }
}

/** The error with that of every attempt, the input, and what came of the answer. */
export function withNotes(error: unknown, { record, notes }: BulkItem): unknown {
  if (!(error instanceof Error)) return error
  const output = error instanceof AnswerFailure ? { output: error.text } : {}
  const raw = "raw" in error ? { raw: error.raw } : {}
  return Object.assign(
    error,
    { kept: { input: record, ...output, ...raw } },
    notes.errors.length > 0 && { errors: notes.errors },
  )
}

/** What the calls of an item told besides the answer, as it is kept with it. */
export function toldOf({
  notes: { latencyMs, waitedMs, errors },
}: BulkItem): Pick<StoredAnswer, "latencyMs" | "waitedMs" | "errors"> {
  return {
    ...(latencyMs !== undefined && { latencyMs: Math.round(latencyMs) }),
    ...(waitedMs !== undefined && waitedMs >= 1 && { waitedMs: Math.round(waitedMs) }),
    ...(errors.length > 0 && {
      errors: errors.map(({ message, statusCode }) => ({ message, ...(statusCode !== undefined && { statusCode }) })),
    }),
  }
}
