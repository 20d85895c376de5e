import { Readable } from "node:stream"
import type { SluiceError } from "@sluice/core"
import { CsvError, parse } from "csv-parse"
import { countOf } from "../../display/quantities.ts"
import { usageError } from "../../usage-error.ts"
import type { Input } from "../input.ts"
import { columnNames, rowOf } from "./table-rows.ts"
import { maxLineBytes, type TextBlock } from "../../files/text-blocks.ts"

export interface TableOptions {
  /** `undefined`: what the first line has most of. */
  readonly delimiter: string | undefined
  /** TSV knows no quoting: a quote is a character like any other. */
  readonly quoting: boolean
  /** Told what parts the columns, once it is known. */
  readonly onDelimiter?: (delimiter: string) => void
}

/** Rows by the names of the first one. Quotes inside a field that is not quoted are characters, as Excel and pandas read them. */
export async function* readTable(
  blocks: AsyncIterable<TextBlock>,
  name: string,
  { delimiter, quoting, onDelimiter }: TableOptions,
): AsyncGenerator<Input> {
  const source = blocks[Symbol.asyncIterator]()
  const first = await source.next()
  if (first.done) return
  const begin = first.value.bytes
  const head = headOf(begin)
  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      yield begin.subarray(head.length)
      for (let next = await source.next(); !next.done; next = await source.next()) yield next.value.bytes
    } finally {
      await source.return?.()
    }
  }
  const parting = delimiter ?? head.delimiter ?? likeliestDelimiter(head.line)
  onDelimiter?.(parting)
  const parser = parse({
    delimiter: parting,
    quote: quoting ? '"' : null,
    relax_quotes: true,
    skip_empty_lines: true,
    info: true,
    max_record_size: maxLineBytes,
  })
  const text = Readable.from(bytes())
  text.on("error", (error) => parser.destroy(error))
  text.pipe(parser)
  let names: string[] | undefined
  const offset = head.length > 0 ? 1 : 0
  let lines = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      lines = info.lines
      if (names) yield { record: rowOf(names, record), where: `${name}:${info.lines + offset}` }
      else names = columnNames(record, name)
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw misread(error, { name, names, parting, offset, begins: lines + 1 })
  } finally {
    text.destroy()
  }
}

interface Reading {
  readonly name: string
  readonly names: readonly string[] | undefined
  readonly parting: string
  /** Lines before the table. */
  readonly offset: number
  /** The first line of the row that could not be read. */
  readonly begins: number
}

/** Names file and line, what was found and what was expected. */
function misread(error: CsvError, { name, names, parting, offset, begins }: Reading): SluiceError {
  const { lines, record } = error as unknown as { lines: number; record?: readonly string[] }
  if (error.code === "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH" && record) {
    const wanted = names === undefined ? "" : `, where the header names ${names.length} (${cut(names)})`
    const found = countOf(record.length, "cell")
    const cells = record.map((cell) => JSON.stringify(cell))
    return usageError(
      `${name}:${lines + offset}: ${found} (${cut(cells)})${wanted}. A cell that holds ${JSON.stringify(parting)} or a line end stands in quotes.`,
    )
  }
  if (error.code === "CSV_QUOTE_NOT_CLOSED")
    return usageError(
      `${name}:${begins + offset}: a cell of the row that begins here has an opening quote and no closing one. Close it, or double a quote that is meant ("").`,
    )
  return usageError(`${name}:${lines + offset}: ${error.message}.`)
}

function cut(texts: readonly string[]): string {
  const text = texts.join(", ")
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** Excel's own way to say what parts the columns: `sep=;` before everything else. */
function headOf(bytes: Buffer): { line: string; length: number; delimiter?: string } {
  const end = bytes.indexOf(10)
  const line = bytes.toString("utf8", 0, Math.min(end < 0 ? bytes.length : end, 65_536))
  const said = /^sep=(.)\r?$/.exec(line)?.[1]
  return said === undefined ? { line, length: 0 } : { line, length: end + 1, delimiter: said }
}

function likeliestDelimiter(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, "")
  const count = (text: string): number => bare.split(text).length
  return [",", ";", "\t", "|"].reduce((best, other) => (count(other) > count(best) ? other : best))
}
