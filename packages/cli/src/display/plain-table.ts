import Table from "cli-table3"
import { printable } from "./printable.ts"

const mostChars = 60

/** A table in plain lines, without colours and without room between its rows. */
export function plainTable(head: readonly string[]): Table.Table {
  return new Table({ head: [...head], style: { head: [], border: [], compact: true } })
}

/** The beginning of a text in one line, with nothing in it that moves a terminal. */
export function cellOf(text: string): string {
  return [...printable(text).replaceAll(/\s+/g, " ")].slice(0, mostChars).join("")
}
