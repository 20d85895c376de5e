import type { InputRecord } from "../../question/prompt-template.ts"
import { usageError } from "../../usage-error.ts"

/** The names of a table's columns: one without is `columnN`. Throws where two have one name. */
export function columnNames(header: readonly string[], name: string): string[] {
  const names = header.map((text, at) => (text === "" ? `column${at + 1}` : text))
  const first = new Map<string, number>()
  for (const [at, one] of names.entries()) {
    const before = first.get(one)
    first.set(one, before ?? at)
    if (before === undefined) continue
    throw usageError(
      `${name}: columns ${before + 1} and ${at + 1} are both called "${one}": one would be lost. Rename one of them.`,
    )
  }
  return names
}

/** A cell that a row does not have is empty. */
export function rowOf(names: readonly string[], cells: readonly unknown[]): InputRecord {
  return Object.fromEntries(names.map((one, at) => [one, cells[at] ?? ""]))
}
