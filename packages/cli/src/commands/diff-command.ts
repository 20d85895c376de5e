import { hash } from "node:crypto"
import type { JournalItem } from "@sluice/journal"
import { cellOf, plainTable } from "../display/plain-table.ts"
import { printableJson } from "../display/printable.ts"
import { formatCount } from "../display/quantities.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import { textOf } from "../question/prompt-template.ts"
import { keptOf } from "../results/result-fields.ts"
import { journalOf, reading, runNamed } from "./journal-commands.ts"

export interface DiffOptions {
  readonly limit: number
  readonly json?: boolean
}

/** How an item of two runs differs. */
interface Difference {
  readonly item: string
  readonly kind: "changed" | "only in A" | "only in B"
  readonly a?: string
  readonly b?: string
}

interface ComparedItem {
  readonly item: string
  /** Of all that is compared. */
  readonly digest: string
  /** Its beginning, to be shown. */
  readonly text: string
}

const shownChars = 200

/**
 * `sluice diff A B`: items are the same by their key, or by their input where they have none, so that lines may have moved.
 * Holds a few hundred bytes for each item of A.
 */
export async function diffCommand(
  [a, b]: readonly [string, string],
  { limit, json = false }: DiffOptions,
  { stdout }: Terminal,
): Promise<number> {
  const left = new Map<string, ComparedItem>()
  await eachItem(a, (name, item) => void left.set(name, item))
  let same = 0
  const counts = { changed: 0, "only in A": 0, "only in B": 0 }
  const table = plainTable(["item", "", "A", "B"])
  const tell = (difference: Difference): void => {
    counts[difference.kind]++
    if (json) stdout.write(`${printableJson(difference)}\n`)
    else if (table.length < limit) {
      const cells = [difference.item, difference.kind, difference.a ?? "", difference.b ?? ""]
      table.push(cells.map(cellOf))
    }
  }
  await eachItem(b, (name, { item, digest, text }) => {
    const before = left.get(name)
    left.delete(name)
    if (!before) tell({ item, kind: "only in B", b: text })
    else if (before.digest === digest) same++
    else tell({ item, kind: "changed", a: before.text, b: text })
  })
  for (const { item, text } of left.values()) tell({ item, kind: "only in A", a: text })
  const differing = counts.changed + counts["only in A"] + counts["only in B"]
  const code = differing > 0 ? exitCodes.someFailed : exitCodes.done
  if (json) return code
  const told = Object.entries(counts).map(([kind, count]) => `${formatCount(count)} ${kind}`)
  stdout.write(`${[`${formatCount(same)} the same`, ...told].join(", ")}\n`)
  if (table.length > 0) stdout.write(`${table.toString()}\n`)
  if (differing > table.length) stdout.write(`… and ${differing - table.length} more (--limit, or --json)\n`)
  return code
}

async function eachItem(run: string, fn: (name: string, item: ComparedItem) => void): Promise<void> {
  await reading(journalOf(run, undefined), (journal) => {
    const times = new Map<string, number>()
    for (const item of journal.items(runNamed(journal, run).runId, { order: "input" })) {
      const name = nameOf(item)
      // Inputs that are alike are told apart by their order.
      const time = times.get(name) ?? 0
      times.set(name, time + 1)
      const text = outcomeText(item)
      const digest = hash("sha256", `${item.status} ${text}`, "base64url")
      const shown = item.key ?? String(item.index ?? item.node)
      fn(`${name} ${time}`, { item: shown, digest, text: text.slice(0, shownChars) })
    }
  })
}

/** By its key, or the digest of its input. */
function nameOf(item: JournalItem): string {
  const { key, node, params } = item
  if (key !== undefined) return `key ${node} ${JSON.stringify(params)} ${key}`
  const { input } = keptOf(item)
  const what = [params, input === undefined ? item.index : input]
  return hash("sha256", JSON.stringify([node, what]), "base64url")
}

function outcomeText(item: JournalItem): string {
  if (item.status === "failed") return `failed: ${item.error.message}`
  const { output } = keptOf(item)
  return textOf(output === undefined ? item.value : output)
}
