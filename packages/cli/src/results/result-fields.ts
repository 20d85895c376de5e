import type { JournalItem } from "@sluice/journal"
import type { FinishReason, RawAnswer } from "../asking/answer.ts"
import { fieldOf, type InputRecord } from "../question/prompt-template.ts"
import { usageError } from "../usage-error.ts"

/** What the journal keeps of an item that is done. */
export interface StoredAnswer {
  readonly input: InputRecord
  readonly output: unknown
  readonly finishReason?: FinishReason
  readonly model?: string
  readonly requestId?: string
  readonly latencyMs?: number
  /** Kept where `--fields` wants it, and of OpenAI batch files. */
  readonly raw?: RawAnswer
  /** How long its calls waited to be sent. */
  readonly waitedMs?: number
  /** Calls and answers that others followed. */
  readonly errors?: readonly { readonly message: string; readonly statusCode?: number }[]
  /** The checks of `--assert` that the answer fails; none where it passes all or none was made. */
  readonly failedChecks?: readonly string[]
}

type ReadField = (item: JournalItem, answer: StoredAnswer, index: number) => unknown

const own = new Map<string, ReadField>(
  Object.entries<ReadField>({
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
    waitedMs: (_item, { waitedMs }) => waitedMs ?? null,
    failedChecks: (_item, { failedChecks }) => failedChecks ?? [],
    raw: (_item, { raw }) => raw?.body ?? null,
  }),
)

export const defaultFields: readonly string[] = ["index", "input", "output"]

/** Where `--fields` is not given: what the command asked for besides answers stands in each line. */
export function fieldsFor({
  fields,
  acceptTruncated,
  assert,
  format,
}: {
  readonly fields?: readonly string[] | undefined
  readonly acceptTruncated?: boolean | undefined
  readonly assert?: readonly string[] | undefined
  readonly format?: string | undefined
}): readonly string[] {
  const defaults = format === "openai-batch" ? ["index", "key", "input", "output"] : defaultFields
  return fields ?? [...defaults, ...(acceptTruncated ? ["finishReason"] : []), ...(assert ? ["failedChecks"] : [])]
}

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

/** Whether a field says the same for every answer to an input. */
export function isOfInput(field: string, input: InputRecord): boolean {
  if (own.has(field)) return field === "index" || field === "key" || field === "input"
  return fieldOf(input, field) !== undefined
}

/** Throws when a field is neither ours nor one of the first input's. */
export function checkFields(fields: readonly string[], input: InputRecord): void {
  for (const name of fields) {
    if (own.has(name) || name.startsWith("output.") || fieldOf({ ...input, input }, name) !== undefined) continue
    throw usageError(`--fields ${name}: no such field. There is: ${[...own.keys(), ...Object.keys(input)].join(", ")}.`)
  }
}

/** What was stored of input and output, whatever became of the item; a flow's items have neither. */
export function keptOf(item: JournalItem): { readonly input?: InputRecord; readonly output?: unknown } {
  const kept = item.status === "ok" ? item.value : item.error.kept
  return typeof kept === "object" && kept !== null ? kept : {}
}
