import type { JournalItem } from "@sluice/journal"
import { columnsOf } from "../results/table/table.ts"

type Fields = Readonly<Record<string, unknown>>

const about = ["node", "visit", "params", "index", "key", "status", "attempts"]
const costs = ["error", "finishReason", "model", "inputTokens", "outputTokens", "usd", "settledAt"]

/**
 * A table of items: fields of the input and of an output that is an object are columns of their own (`input.text`,
 * `output.title`), so all items are looked at for their names first; what a flow made is one column, `value`.
 */
export function itemColumns(items: Iterable<JournalItem>): string[] {
  const found = new Set<string>()
  try {
    for (const item of items) for (const name of Object.keys(valuesOf(item))) found.add(name)
  } catch {
    // Of a damaged journal what can be read is written; whoever reads it next is told.
  }
  return [...about, ...[...found].toSorted(byKind), ...costs]
}

/** Inputs before outputs, each in the order in which they came. */
function byKind(a: string, b: string): number {
  const kind = (name: string): number => (name.startsWith("input.") ? 0 : 1)
  return kind(a) - kind(b)
}

/** What stands in each column of an item. */
export function* itemRows(items: Iterable<JournalItem>): Generator<ReadonlyMap<string, unknown>> {
  for (const item of items) {
    const { node, visit, params, index, key, status, attempts, cost, settledAtMs } = item
    const { finishReason, model } = fieldsIn(item.status === "ok" ? item.value : undefined)
    yield new Map(
      Object.entries({
        node,
        visit,
        params,
        index,
        key,
        status,
        attempts,
        finishReason,
        model,
        ...valuesOf(item),
        error: item.status === "failed" ? item.error.message : undefined,
        ...cost,
        settledAt: new Date(settledAtMs).toISOString(),
      } satisfies Fields),
    )
  }
}

function valuesOf(item: JournalItem): Fields {
  const answer = fieldsIn(item.status === "ok" ? item.value : item.error.kept)
  if (!("input" in answer)) return item.status === "ok" ? { value: item.value } : {}
  return { ...columnsOf("input", answer["input"]), ...columnsOf("output", answer["output"]) }
}

function fieldsIn(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {}
}
