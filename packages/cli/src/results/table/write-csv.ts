import { pipeline } from "node:stream/promises"
import { Readable } from "node:stream"
import { stringify } from "csv-stringify"
import type { Table } from "./table.ts"

/** Writes a table with a header, safe for spreadsheets. */
export async function writeCsv({ columns, rows }: Table, write: (chunk: Buffer) => Promise<void>): Promise<void> {
  function* cells(): Generator<string[]> {
    for (const row of rows()) yield columns.map((name) => cellOf(row.get(name)))
  }
  const lines = stringify({ header: true, columns: [...columns] })
  await pipeline(Readable.from(cells()), lines, async (chunks) => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) await write(chunk)
  })
}

/** A spreadsheet would run what looks like a formula; the quote before it is what it shows as text. Numbers stay numbers. */
function cellOf(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "")
  return /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?$/.test(text) ? `'${text}` : text
}
