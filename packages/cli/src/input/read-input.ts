import { isUtf8 } from "node:buffer"
import { createReadStream, statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { CsvError, parse } from "csv-parse"
import { globSync, isDynamicPattern } from "tinyglobby"
import type { InputRecord } from "./prompt-template.ts"
import { usageError } from "../usage-error.ts"

export const inputFormats = ["jsonl", "csv", "tsv", "lines", "files"] as const
export type InputFormat = (typeof inputFormats)[number]

/** One input and where it came from, for messages: `prompts.jsonl:17`. */
export interface Input {
  readonly record: InputRecord
  readonly where: string
}

const formats: Readonly<Record<string, InputFormat>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  csv: "csv",
  tsv: "tsv",
  txt: "lines",
}

/** Files as they were named, globs put in their files (sorted); `-` is standard input. Throws when there is nothing. */
export function expandInputs(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (name === "-") return [name]
    const stat = statSync(name, { throwIfNoEntry: false })
    if (stat?.isFile() || stat?.isFIFO()) return [name]
    if (stat?.isDirectory()) throw usageError(`${name} is a folder. Name its files, for example "${name}/*.txt".`)
    if (!isDynamicPattern(name)) throw usageError(`${name}: no such file.`)
    const files = globSync(name, { expandDirectories: false }).toSorted()
    if (files.length === 0) throw usageError(`${name}: no file fits.`)
    return files
  })
}

/** Reads inputs one at a time, whatever their number and size. Ill-formed ones throw, with file and line. */
export async function* readInput(
  files: readonly string[],
  format: InputFormat | undefined,
  stdin: Readable,
): AsyncGenerator<Input, void, undefined> {
  for (const file of files) {
    const extension = /\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase() ?? ""
    if (!format && extension === "json") {
      throw usageError(`${file}: JSON is read as JSON lines, one value a line, from a .jsonl file; or give --format.`)
    }
    // What is no list of inputs is one input: a document.
    const kind = format ?? formats[extension] ?? (file === "-" ? "jsonl" : "files")
    const open = (): Readable => (file === "-" ? stdin : createReadStream(file))
    const name = file === "-" ? "standard input" : file
    if (kind === "files") yield await wholeFile(file, stdin)
    else if (kind === "csv" || kind === "tsv") yield* readTable(open(), name, kind === "csv" ? "," : "\t")
    else yield* readLines(open(), name, kind)
  }
}

async function wholeFile(file: string, stdin: Readable): Promise<Input> {
  if (file !== "-") return { record: { text: textIn(await readFile(file), file), file }, where: file }
  const bytes = Buffer.concat((await stdin.toArray()) as Buffer[])
  return { record: { text: textIn(bytes, "standard input") }, where: "standard input" }
}

/** An image or a PDF that a glob took along would be paid for as gibberish. */
function textIn(bytes: Buffer, name: string): string {
  if (isUtf8(bytes) && !bytes.includes(0)) return bytes.toString()
  throw usageError(`${name}: not a text in UTF-8 (an image, a PDF, another encoding?). Name files of text.`)
}

async function* readLines(stream: Readable, name: string, kind: "jsonl" | "lines"): AsyncGenerator<Input> {
  let line = 0
  for await (const raw of createInterface({ input: stream, crlfDelay: Infinity })) {
    line++
    const text = line === 1 ? raw.replace(/^\uFEFF/, "") : raw
    if (text.trim() === "") continue
    const where = `${name}:${line}`
    yield { record: kind === "lines" ? { text } : parseLine(text, where), where }
  }
}

function parseLine(text: string, where: string): InputRecord {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw usageError(`${where}: not a line of JSON (${(error as Error).message}).`)
  }
  if (typeof value === "string") return { text: value }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as InputRecord
  throw usageError(`${where}: wanted an object or a text, got ${Array.isArray(value) ? "a list" : String(value)}.`)
}

async function* readTable(stream: Readable, name: string, delimiter: string): AsyncGenerator<Input> {
  const parser = parse({ columns: true, bom: true, delimiter, skip_empty_lines: true, info: true })
  stream.on("error", (error) => parser.destroy(error))
  stream.pipe(parser)
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: InputRecord; info: { lines: number } }>) {
      yield { record, where: `${name}:${info.lines}` }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw usageError(`${name}: ${error.message}.`)
  }
}
