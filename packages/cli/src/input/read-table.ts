import { Readable } from "node:stream"
import { CsvError, parse } from "csv-parse"
import { usageError } from "../usage-error.ts"
import type { InputRecord } from "./prompt-template.ts"
import type { Input } from "./input.ts"
import { maxLineBytes, type TextBlock } from "./text-blocks.ts"

export interface TableOptions {
  /** `undefined`: what the first line has most of. */
  readonly delimiter: string | undefined
  /** TSV knows no quoting: a quote is a character like any other. */
  readonly quoting: boolean
}

/** Rows by the names of the first one. Quotes inside a field that is not quoted are characters, as Excel and pandas read them. */
export async function* readTable(
  blocks: AsyncIterable<TextBlock>,
  name: string,
  { delimiter, quoting }: TableOptions,
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
  const parser = parse({
    delimiter: delimiter ?? head.delimiter ?? likeliestDelimiter(head.line),
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
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (names) yield { record: rowOf(names, record), where: `${name}:${info.lines + offset}` }
      else names = namesOf(record, name)
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw usageError(`${name}: ${error.message}.`)
  } finally {
    text.destroy()
  }
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

function namesOf(header: readonly string[], name: string): string[] {
  const names = header.map((text, at) => (text === "" ? `column${at + 1}` : text))
  for (const [at, one] of names.entries()) {
    const before = names.indexOf(one)
    if (before === at) continue
    throw usageError(
      `${name}: columns ${before + 1} and ${at + 1} are both called "${one}": one would be lost. Rename one of them.`,
    )
  }
  return names
}

function rowOf(names: readonly string[], cells: readonly string[]): InputRecord {
  return Object.fromEntries(names.map((one, at) => [one, cells[at] ?? ""]))
}
