import { hashText } from "@sluice/core/internal"
import type { JournalItem, SqliteJournal } from "@sluice/journal"
import { keptOf, type StoredAnswer } from "../results/result-fields.ts"
import type { PlacedVariant, Variants } from "./variant.ts"

/** One column of a comparison. */
export interface ComparedVariant {
  readonly column: string
  readonly ok: number
  readonly failed: number
  /** Answers that were cut by their length, whether they count or not. */
  readonly cut: number
  /** Answers that fail a check of `--assert`. */
  readonly failingChecks: number
  /** Of the inputs that both have answered, the share to which it gave the same answer as the first column. */
  readonly agreement?: number
  readonly usd?: number
  /** From sending a call to the end of its answer. */
  readonly medianLatencyMs?: number
}

export interface Comparison {
  readonly columns: readonly ComparedVariant[]
  /** Inputs that all columns have answered, and those of them that got one answer from all. */
  readonly inputs: number
  readonly agreed: number
}

/** What the columns of a run came to, out of its journal. Holds 16 bytes for each answer. */
export function compareVariants(journal: SqliteJournal, runId: string, variants: Variants): Comparison {
  const tallies = variants.map(() => new Tally())
  const at = new Map(variants.map(({ params }, index) => [JSON.stringify(params), index]))
  for (const item of journal.items(runId, { order: "input" })) {
    const tally = tallies[at.get(JSON.stringify(item.params)) ?? -1]
    // What the last command had no input for has no index.
    if (tally && item.index !== undefined) tally.add(item, item.index)
  }
  const [first] = tallies
  const everywhere = [...(first?.answers.keys() ?? [])].filter((index) =>
    tallies.every(({ answers }) => answers.has(index)),
  )
  const isAgreed = (index: number): boolean =>
    tallies.every(({ answers }) => answers.get(index) === first?.answers.get(index))
  return {
    columns: variants.map((variant, index) => tallies[index]!.column(variant, index === 0 ? undefined : first)),
    inputs: everywhere.length,
    agreed: everywhere.filter(isAgreed).length,
  }
}

class Tally {
  /** Each answer's hash, by the index of its input. */
  readonly answers = new Map<number, number>()
  #failed = 0
  #cut = 0
  #failingChecks = 0
  #usd: number | undefined
  readonly #latencies: number[] = []

  add(item: JournalItem, index: number): void {
    const { usd } = item.cost ?? {}
    if (usd !== undefined) this.#usd = (this.#usd ?? 0) + usd
    if (item.status === "failed") {
      this.#failed++
      if (item.error.code === "answer-truncated") this.#cut++
      return
    }
    const { output, finishReason, latencyMs, failedChecks = [] } = keptOf(item) as Partial<StoredAnswer>
    this.answers.set(index, digestOf(output))
    if (finishReason === "length") this.#cut++
    if (failedChecks.length > 0) this.#failingChecks++
    if (latencyMs !== undefined) this.#latencies.push(latencyMs)
  }

  column({ name }: PlacedVariant, first: Tally | undefined): ComparedVariant {
    const both = first ? [...this.answers].filter(([index]) => first.answers.has(index)) : []
    const same = both.filter(([index, digest]) => first?.answers.get(index) === digest)
    const medianLatencyMs = this.#latencies.toSorted((a, b) => a - b)[this.#latencies.length >> 1]
    return {
      column: name,
      ok: this.answers.size,
      failed: this.#failed,
      cut: this.#cut,
      failingChecks: this.#failingChecks,
      ...(both.length > 0 && { agreement: same.length / both.length }),
      ...(this.#usd !== undefined && { usd: this.#usd }),
      ...(medianLatencyMs !== undefined && { medianLatencyMs }),
    }
  }
}

/** Space around a text and the order of an object's fields say nothing. */
function digestOf(output: unknown): number {
  const text = typeof output === "string" ? output.trim() : JSON.stringify(output, sorted)
  return Number.parseInt(hashText([text ?? ""]), 16)
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
