import type { JournalItem } from "@sluice/journal"
import type { FinishReason } from "../asking/answer.ts"
import { fieldOf, type InputRecord } from "../input/prompt-template.ts"
import { usageError } from "../usage-error.ts"

/** What the journal keeps of an item that is done. */
export interface StoredAnswer {
  readonly input: InputRecord
  readonly output: unknown
  readonly finishReason?: FinishReason
  readonly model?: string
  readonly requestId?: string
  readonly latencyMs?: number
}

type Read = (item: JournalItem, answer: StoredAnswer, index: number) => unknown

const own = new Map<string, Read>(
  Object.entries<Read>({
    index: (_item, _answer, index) => index,
    key: (item) => item.key ?? null,
    input: (_item, { input }) => input,
    output: (_item, { output }) => output,
    attempts: (item) => item.attempts,
    inputTokens: (item) => item.cost?.inputTokens ?? null,
    outputTokens: (item) => item.cost?.outputTokens ?? null,
    usd: (item) => item.cost?.usd ?? null,
    finishReason: (_item, { finishReason }) => finishReason ?? null,
    model: (_item, { model }) => model ?? null,
    requestId: (_item, { requestId }) => requestId ?? null,
    latencyMs: (_item, { latencyMs }) => latencyMs ?? null,
  }),
)

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
      const read = own.get(name)
      if (read) return [name, read(item, answer, index)]
      const given = fieldOf(answer.input, name)
      return [name, (given === undefined ? fieldOf({ ...answer }, name) : given) ?? null]
    }),
  )
}

/** Throws when a field is neither ours nor one of the first input's. */
export function checkFields(fields: readonly string[], input: InputRecord): void {
  for (const name of fields) {
    if (own.has(name) || name.startsWith("output.") || fieldOf({ ...input, input }, name) !== undefined) continue
    throw usageError(`--fields ${name}: no such field. There is: ${[...own.keys(), ...Object.keys(input)].join(", ")}.`)
  }
}
