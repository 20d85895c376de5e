import { exactDigits, parseExactJson } from "@sluice/journal"
import { refuseRepeated } from "../files/repeated-name.ts"
import { usageError } from "../usage-error.ts"
import type { InputRecord } from "../question/prompt-template.ts"
import type { Input } from "./input.ts"
import { maxLineBytes, type TextBlock } from "../files/text-blocks.ts"

/** What is nested deeper is no data that a model reads, and cannot be stored. */
export const maxNesting = 256

const jsonLine = "a line of JSON"
/** What does not even begin as JSON is another kind of file. */
const otherwise = "for a table, give --format csv or tsv; for a text a line, --format lines"

/** One value a line. A line that is a text becomes `{ text }`. */
export async function* readJsonLines(lines: AsyncIterable<{ text: string; where: string }>): AsyncGenerator<Input> {
  for await (const { text, where } of lines)
    yield {
      record: recordOf(parse(text, where, /^\s*[{["]/.test(text) ? jsonLine : `${jsonLine}; ${otherwise}`), where),
      where,
    }
}

/** A list, each element an input; the features of a collection of GeoJSON (RFC 7946); or one object, which is one. */
export async function* readJson(blocks: AsyncIterable<TextBlock>, name: string): AsyncGenerator<Input> {
  const wanted = "JSON; for a value a line, give --format jsonl"
  const text = await wholeText(blocks, name)
  if (text.trim() === "") throw usageError(`${name}: not JSON: it is empty.`)
  const value = parse(text, name, wanted, (line) => `${name}:${line}`)
  const list = Array.isArray(value) ? value : featuresIn(value)
  if (!list) return yield { record: recordOf(value, name), where: name }
  for (const [at, one] of list.entries()) yield { record: recordOf(one, `${name}[${at}]`), where: `${name}[${at}]` }
}

function featuresIn(value: unknown): unknown[] | undefined {
  const { type, features } = (value ?? {}) as { readonly type?: unknown; readonly features?: unknown }
  return type === "FeatureCollection" && Array.isArray(features) ? features : undefined
}

/** One object of objects, each of which is an input that has its name as `key`. */
export async function* readEntries(blocks: AsyncIterable<TextBlock>, name: string): AsyncGenerator<Input> {
  const value = parse(await wholeText(blocks, name), name, "JSON")
  if (Array.isArray(value)) throw usageError(`${name}: a list, not one object of objects. Leave --format entries out.`)
  for (const [key, one] of Object.entries(recordOf(value, name))) {
    const where = `${name}[${JSON.stringify(key)}]`
    yield { record: { key, ...recordOf(one, where) }, where }
  }
}

/** The whole text, where it has to be read at once. */
export async function wholeText(blocks: AsyncIterable<TextBlock>, name: string): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const { bytes } of blocks) {
    size += bytes.length
    if (size > maxLineBytes) {
      throw usageError(`${name}: more than ${maxLineBytes / 2 ** 20} MiB to be read at once. Make JSON lines of it.`)
    }
    parts.push(bytes)
  }
  return Buffer.concat(parts).toString()
}

function parse(text: string, where: string, wanted: string, whereOf = (_line: number): string => where): unknown {
  let value: unknown
  try {
    value = parseExactJson(text)
  } catch (error) {
    // V8 runs out of stack where numbers are kept and values are nested by the thousand.
    if (error instanceof RangeError) throw tooDeep(where)
    throw usageError(`${where}: not ${wanted} (${(error as Error).message}).`)
  }
  if (isDeeper(value, maxNesting)) throw tooDeep(where)
  refuseRepeated(text, whereOf)
  return value
}

function tooDeep(where: string): Error {
  return usageError(`${where}: nested more than ${maxNesting} deep. Put it in as a text, or flatten it.`)
}

/** Whether `value` is nested more than `depth` deep. */
export function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false
  return depth === 0 || Object.values(value).some((member) => isDeeper(member, depth - 1))
}

function recordOf(value: unknown, where: string): InputRecord {
  if (typeof value === "string") return { text: value }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (exactDigits(value) === undefined) return value as InputRecord
  }
  const got = Array.isArray(value) ? "a list" : JSON.stringify(value)
  throw usageError(`${where}: wanted an object or a text, got ${got}.`)
}
