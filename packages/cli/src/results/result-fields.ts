import type { JournalItem } from "@sluice/journal"
import { fieldOf, type InputRecord } from "../input/prompt-template.ts"
import { usageError } from "../usage-error.ts"

/** What the journal keeps of an item that is done. */
export interface StoredAnswer {
  readonly input: InputRecord
  readonly output: unknown
}

const own: Readonly<Record<string, (item: JournalItem, answer: StoredAnswer, index: number) => unknown>> = {
  index: (_item, _answer, index) => index,
  key: (item) => item.key ?? null,
  input: (_item, { input }) => input,
  output: (_item, { output }) => output,
  attempts: (item) => item.attempts,
  inputTokens: (item) => item.cost?.inputTokens ?? null,
  outputTokens: (item) => item.cost?.outputTokens ?? null,
  usd: (item) => item.cost?.usd ?? null,
}

export const defaultFields: readonly string[] = ["index", "input", "output"]

/** Picks what goes into a result line: fields of ours, of the output (`output.title`), or of the input by their name. */
export function pickFields(
  fields: readonly string[],
  index: number,
  item: JournalItem,
  answer: StoredAnswer,
): Record<string, unknown> {
  return Object.fromEntries(
    fields.map((name) => {
      const read = own[name]
      if (read) return [name, read(item, answer, index)]
      return [name, fieldOf(answer.input, name) ?? fieldOf({ ...answer }, name) ?? null]
    }),
  )
}

/** Throws when a field is neither ours nor one of the first input's. */
export function checkFields(fields: readonly string[], input: InputRecord): void {
  for (const name of fields) {
    if (own[name] || name.startsWith("output.") || fieldOf({ ...input, input }, name) !== undefined) continue
    throw usageError(
      `--fields ${name}: no such field. There is: ${[...Object.keys(own), ...Object.keys(input)].join(", ")}.`,
    )
  }
}
