import { hash } from "node:crypto"
import type { JournalItem } from "@sluice/journal"
import type { RawAnswer } from "../asking/answer.ts"
import { isOfInput, keptOf, pickFields, type StoredAnswer } from "./result-fields.ts"

type OkItem = Extract<JournalItem, { readonly status: "ok" }>
type FailedItem = Exclude<JournalItem, OkItem>

/** What a line of the result files looks like. */
export interface LineForm {
  /** Changes when lines do: files of another form are written anew. */
  readonly name: string
  /** Of an input that was answered; of several questions by those that were, `undefined` for the others. */
  readonly result: (answers: readonly (OkItem | undefined)[], index: number) => unknown
  /** Of one that failed, and which of several questions that was. */
  readonly failure: (item: FailedItem, index: number, at: number) => unknown
}

export function isOk(item: JournalItem): item is OkItem {
  return item.status === "ok"
}

/** Of a run whose answers have these columns; of one alone, where it is one of several that were compared. */
export function linesFor(
  fields: readonly string[],
  columns: readonly { readonly name: string; readonly params: Readonly<Record<string, string>> }[],
  formatOut: string | undefined,
): LineForm {
  if (formatOut === "openai-batch") return openaiBatchLines
  if (columns.length === 1) return fieldLines(fields, columns[0]?.params["variant"])
  return comparingLines(
    fields,
    columns.map(({ name }) => name),
  )
}

/** `column`: of several that were compared, the one that is asked now. */
function fieldLines(fields: readonly string[], column = ""): LineForm {
  return {
    name: column === "" ? fields.join() : JSON.stringify([fields, column]),
    result: ([item], index) => item && pickFields(fields, index, item, item.value as StoredAnswer),
    failure: failureOf,
  }
}

/** What is the answer's own is a list of columns by their names; what is the input's stands as it is. */
function comparingLines(fields: readonly string[], names: readonly string[]): LineForm {
  return {
    name: JSON.stringify([fields, names]),
    result(answers, index) {
      const picked = answers.map((item) => item && pickFields(fields, index, item, item.value as StoredAnswer))
      const known = answers.find((item) => item !== undefined)
      return Object.fromEntries(
        fields.map((field) => {
          const columns = (): unknown =>
            Object.fromEntries(names.map((name, at) => [name, picked[at]?.[field] ?? null]))
          const isInputs = known && isOfInput(field, (known.value as StoredAnswer).input)
          return [field, isInputs ? picked.find((each) => each)?.[field] : columns()]
        }),
      )
    },
    failure(item, index, at) {
      const { index: number, ...rest } = failureOf(item, index)
      return { index: number, column: names[at], ...rest }
    },
  }
}

/** Input and half an answer stand beside the error, not in it. */
export function failureOf({ key, attempts, error }: FailedItem, index: number): Record<string, unknown> {
  const { kept, ...rest } = error as { readonly kept?: unknown }
  return { index, ...(key !== undefined && { key }), attempts, ...(kept as object | undefined), error: rest }
}

/** As OpenAI writes the results of a batch, and in a file of their own its errors: an answer with its status, or why none came. */
const openaiBatchLines: LineForm = {
  name: "openai-batch",
  result: ([item]) => item && { ...named(item), response: rawIn(item) ?? null, error: null },
  failure(item) {
    const response = rawIn(item)
    const { code, statusCode, name, message } = item.error
    return {
      ...named(item),
      response: response ?? null,
      error: response ? null : { code: String(code ?? statusCode ?? name), message },
    }
  },
}

function named(item: JournalItem): { readonly id: string; readonly custom_id: unknown } {
  const custom_id = keptOf(item).input?.["custom_id"]
  return { id: `batch_req_${hash("sha256", String(custom_id), "hex").slice(0, 24)}`, custom_id }
}

function rawIn(item: JournalItem): RawAnswer | undefined {
  return (keptOf(item) as { readonly raw?: RawAnswer }).raw
}
