import { constants, createReadStream, openSync, statSync } from "node:fs"
import { Socket } from "node:net"
import { relative } from "node:path"
import type { Readable } from "node:stream"
import { mediaTypeOf } from "../attach/media-type.ts"
import type { InputFormat } from "./input-formats.ts"
import type { Input } from "./input.ts"
import { readEntries, readJson, readJsonLines, wholeText } from "./read-json.ts"
import { selectInputs, type Selection } from "./select-inputs.ts"
import { type TextBlock, textBlocks } from "../files/text-blocks.ts"
import { usageError } from "../usage-error.ts"

export interface InputOptions extends Selection {
  readonly format?: InputFormat | undefined
  /** A name that `TextDecoder` knows; default UTF-8, or UTF-16 where a byte order mark says so. */
  readonly encoding?: string | undefined
  /** What parts the columns of a table. */
  readonly delimiter?: string | undefined
  /** Its files are named from here. */
  readonly folder?: string | undefined
  /** Pictures, PDFs and sounds among documents go with the prompt, and are no texts. */
  readonly isAttached?: boolean | undefined
  /** Told how each file is read, once its first bytes are known. */
  readonly onRead?: ((how: ReadAs) => void) | undefined
}

/** How a file is read, where that was not said. */
export interface ReadAs {
  readonly format: InputFormat
  /** Of a text. */
  readonly encoding?: string
  /** Of a table. */
  readonly delimiter?: string
}

const formats = new Map<string, InputFormat>([
  ["jsonl", "jsonl"],
  ["ndjson", "jsonl"],
  ["json", "json"],
  ["geojson", "json"],
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["txt", "lines"],
  ["parquet", "parquet"],
  ["xlsx", "xlsx"],
])

/** Most probably a slip: nobody wants a run over nothing. */
export function emptyInput(names: string): Error {
  return usageError(`There is nothing to do: ${names} has no input.`)
}

/**
 * Reads the inputs that are selected one at a time, whatever their number and size. Ill-formed ones throw, with file and line.
 * Once `left` is aborted, no pipe is waited for.
 */
export function readInput(
  files: readonly string[],
  options: InputOptions,
  stdin: Readable,
  left?: AbortSignal,
): AsyncGenerator<Input, void, undefined> {
  return selectInputs(readFiles(files, options, stdin, left), options)
}

async function* readFiles(
  files: readonly string[],
  { format, encoding, delimiter, folder, isAttached, onRead }: InputOptions,
  stdin: Readable,
  left: AbortSignal | undefined,
): AsyncGenerator<Input, void, undefined> {
  for (const file of files) {
    const extension = /\.([^./\\]+?)(?:\.gz)?$/i.exec(file)?.[1]?.toLowerCase() ?? ""
    // What is no list of inputs is one input: a document.
    const kind = format ?? formats.get(extension) ?? (file === "-" ? "jsonl" : "files")
    const name = file === "-" ? "standard input" : file
    if (kind === "parquet" || kind === "xlsx") {
      if (file === "-")
        throw usageError(`--format ${kind}: name the file; such a one cannot be read from standard input.`)
      onRead?.({ format: kind })
      if (kind === "parquet") yield* (await import("./tables/read-parquet.ts")).readParquet(file)
      else yield* (await import("./tables/read-xlsx.ts")).readXlsx(file)
      continue
    }
    let how: ReadAs = { format: kind }
    const tell = (fact: Partial<ReadAs>): void => onRead?.((how = { ...how, ...fact }))
    const bytes = file === "-" ? stdin : bytesOf(file, left)
    const blocks = textBlocks(bytes, name, encoding, (found) => tell({ encoding: found }))
    if (kind === "jsonl" || kind === "openai-batch") yield* readJsonLines(lines(blocks, name))
    else if (kind === "json") yield* readJson(blocks, name)
    else if (kind === "entries") yield* readEntries(blocks, name)
    else if (kind === "csv" || kind === "tsv") {
      const { readTable } = await import("./tables/read-table.ts")
      // A TSV knows no quoting.
      const quoting = kind === "csv"
      yield* readTable(blocks, name, {
        delimiter: quoting ? delimiter : (delimiter ?? "\t"),
        quoting,
        onDelimiter: (found) => tell({ delimiter: found }),
      })
    } else if (kind === "lines") {
      for await (const { text, where } of lines(blocks, name)) yield { record: { text }, where }
    } else if (isAttached && file !== "-" && mediaTypeOf(file) !== undefined) {
      yield { record: namesOf(file, folder), where: name }
    } else {
      const text = await wholeText(blocks, name)
      yield { record: { text, ...namesOf(file, folder) }, where: name }
    }
  }
}

/** What a document is called: as it was found, and within its folder. */
function namesOf(file: string, folder: string | undefined): Readonly<Record<string, string>> {
  if (file === "-") return {}
  return folder === undefined ? { file } : { file, name: relative(folder, file).replaceAll("\\", "/") }
}

async function* bytesOf(file: string, left: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const leave = (): void => void stream?.destroy()
  let stream: Readable | undefined
  try {
    stream = statSync(file).isFIFO() ? openPipe(file) : createReadStream(file)
    left?.addEventListener("abort", leave)
    yield* stream as AsyncIterable<Buffer>
  } catch (error) {
    throw usageError(`${file}: cannot be read (${(error as Error).message}).`)
  } finally {
    left?.removeEventListener("abort", leave)
  }
}

/** As a file, whoever opens a pipe or reads it holds a thread until somebody writes, and no process ends before its threads. */
function openPipe(path: string): Readable {
  return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false })
}

/** Lines end at a line feed, with or without a carriage return, and nowhere else: U+2028 is a character like any other. */
async function* lines(
  blocks: AsyncIterable<TextBlock>,
  name: string,
): AsyncGenerator<{ text: string; where: string }, void, undefined> {
  for await (const { bytes, line: firstLine } of blocks) {
    let line = firstLine
    for (let from = 0; from < bytes.length; line++) {
      const at = bytes.indexOf(10, from)
      const end = at < 0 ? bytes.length : at
      const text = bytes.toString("utf8", from, bytes[end - 1] === 13 ? end - 1 : end)
      from = end + 1
      if (text.trim() !== "") yield { text, where: `${name}:${line}` }
    }
  }
}
