import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { partsOf } from "../run/question-parts.ts"
import { usageError } from "../usage-error.ts"
import type { PlacedVariant, Variant, Variants } from "./variant.ts"

const kept = z.record(z.string(), z.object({ version: z.string(), parts: z.record(z.string(), z.string()) }))

export interface EarlierVariants {
  readonly run: SqliteRunJournal
  readonly out: string
  readonly acceptChanges: boolean
  /** Whether anything was answered. */
  readonly hasAnswers: () => boolean
}

/**
 * Finds the answers of each variant in the journal. A column that is new is asked for beside those that are there; one that
 * has another question now, or a run of which nothing is left, is refused: nobody pays twice by a slip.
 */
export function placeVariants(variants: readonly Variant[], earlier: EarlierVariants): Variants {
  const { run } = earlier
  const first = { version: run.note("version"), name: run.note("column") }
  const others = kept.safeParse(run.note("variants")).data ?? {}
  const isFirst = ({ version }: Variant): boolean => version === first.version
  const isOther = ({ name, version }: Variant): boolean => others[name]?.version === version
  const isFree = first.version === undefined || !earlier.hasAnswers()
  const isFound = variants.some((each) => isFirst(each) || isOther(each))
  if (!isFree && !earlier.acceptChanges) {
    for (const each of variants) {
      if (isFirst(each) || isOther(each)) continue
      const before = each.name === first.name || !isFound ? run.note("question") : others[each.name]?.parts
      if (before !== undefined || !isFound) throw changed(before, each, earlier.out)
    }
  }
  const sameAt = variants.findIndex(isFirst)
  const namedAt = variants.findIndex((each) => each.name === first.name)
  // Answers that are not asked for this time stay where they are.
  const firstAt = sameAt >= 0 ? sameAt : namedAt >= 0 || (isFound && !isFree) ? namedAt : 0
  const placed = variants.map((each, at): PlacedVariant => ({
    ...each,
    params: at === firstAt ? {} : { variant: each.name },
  }))
  return placed as unknown as Variants
}

function changed(before: unknown, { model, question }: Variant, out: string): Error {
  return usageError(
    `${out} holds answers to another question: ${changeIn(before, partsOf(model, question))} changed. Choose another --out, or give --accept-changes to ask everything again.`,
  )
}

function changeIn(before: unknown, now: Readonly<Record<string, string>>): string {
  const known = z.record(z.string(), z.string()).safeParse(before)
  if (!known.success) return "the prompt, model or schema"
  const names = [...new Set([...Object.keys(known.data), ...Object.keys(now)])]
  const differing = names.filter((name) => known.data[name] !== now[name])
  return differing
    .map((name) => (name === "model" ? `the model (it was ${known.data[name]})` : `the ${name}`))
    .join(" and ")
}
