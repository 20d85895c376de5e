import { createReadStream, realpathSync, statSync } from "node:fs"
import { isAbsolute, relative } from "node:path"
import type { Readable } from "node:stream"
import { globSync, isDynamicPattern } from "tinyglobby"
import type { InputFormat } from "./input-formats.ts"
import type { Input } from "./input.ts"
import { readJson, readJsonLines, wholeText } from "./read-json.ts"
import { readTable } from "./read-table.ts"
import { selectInputs, type Selection } from "./select-inputs.ts"
import { type TextBlock, textBlocks } from "./text-blocks.ts"
import { usageError } from "../usage-error.ts"

export interface InputOptions extends Selection {
  readonly format?: InputFormat | undefined
  /** A name that `TextDecoder` knows; default UTF-8, or UTF-16 where a byte order mark says so. */
  readonly encoding?: string | undefined
  /** What parts the columns of a table. */
  readonly delimiter?: string | undefined
}

const formats = new Map<string, InputFormat>([
  ["jsonl", "jsonl"],
  ["ndjson", "jsonl"],
  ["json", "json"],
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["txt", "lines"],
])

/** Files as they were named, globs put in their files (sorted); `-` is standard input. Throws when there is nothing. */
export function expandInputs(names: readonly string[], followLinks: boolean): string[] {
  return names.flatMap((name) => {
    if (name === "-") return [name]
    const stat = statSync(name, { throwIfNoEntry: false })
    if (stat?.isFile() || stat?.isFIFO()) return [name]
    if (stat?.isDirectory()) throw usageError(`${name} is a folder. Name its files, for example "${name}/*.txt".`)
    if (!isDynamicPattern(name)) throw usageError(`${name}: no such file.`)
    const files = globSync(name, { expandDirectories: false }).toSorted()
    if (!followLinks) checkLinks(files, name)
    if (files.length === 0) throw usageError(`${name}: no file fits.`)
    return files
  })
}

/** Whoever may write into a folder must not choose what else is sent to a vendor. */
function checkLinks(files: readonly string[], pattern: string): void {
  const [base = "."] = pattern.split(/[*?[\]{}()!+@]/, 1)
  const folder = realpathSync(base.includes("/") ? base.slice(0, base.lastIndexOf("/") + 1) : ".")
  for (const file of files) {
    const target = relative(folder, realpathSync(file))
    if (!target.startsWith("..") && !isAbsolute(target)) continue
    throw usageError(
      `${file}: a link leads out of the folder of ${pattern}. Name the file by itself, or give --follow-links.`,
    )
  }
}

/** Most probably a slip: nobody wants a run over nothing. */
export function emptyInput(names: string): Error {
  return usageError(`There is nothing to do: ${names} has no input.`)
}

/** Reads the inputs that are selected one at a time, whatever their number and size. Ill-formed ones throw, with file and line. */
export function readInput(
  files: readonly string[],
  options: InputOptions,
  stdin: Readable,
): AsyncGenerator<Input, void, undefined> {
  return selectInputs(readFiles(files, options, stdin), options)
}

async function* readFiles(
  files: readonly string[],
  { format, encoding, delimiter }: InputOptions,
  stdin: Readable,
): AsyncGenerator<Input, void, undefined> {
  for (const file of files) {
    const extension = /\.([^./\\]+?)(?:\.gz)?$/i.exec(file)?.[1]?.toLowerCase() ?? ""
    // What is no list of inputs is one input: a document.
    const kind = format ?? formats.get(extension) ?? (file === "-" ? "jsonl" : "files")
    const name = file === "-" ? "standard input" : file
    const blocks = textBlocks(file === "-" ? stdin : createReadStream(file), name, encoding)
    if (kind === "jsonl") yield* readJsonLines(lines(blocks, name))
    else if (kind === "json") yield* readJson(blocks, name)
    else if (kind === "csv") yield* readTable(blocks, name, { delimiter, quoting: true })
    else if (kind === "tsv") yield* readTable(blocks, name, { delimiter: delimiter ?? "\t", quoting: false })
    else if (kind === "lines") {
      for await (const { text, where } of lines(blocks, name)) yield { record: { text }, where }
    } else {
      const text = await wholeText(blocks, name)
      yield { record: { text, ...(file !== "-" && { file }) }, where: name }
    }
  }
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
