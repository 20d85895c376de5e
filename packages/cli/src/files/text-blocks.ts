import { isUtf8 } from "node:buffer"
import { Readable } from "node:stream"
import { TextDecoder } from "node:util"
import { createGunzip } from "node:zlib"
import { usageError } from "../usage-error.ts"
import { fileKindOf } from "./file-kind.ts"

/** No model reads so much, and twice as much is more than JavaScript can hold as a text. */
export const maxLineBytes: number = 2 ** 28

/** Whole lines in UTF-8, checked; `line` is the number of the first, from 1. */
export interface TextBlock {
  readonly bytes: Buffer
  readonly line: number
}

/**
 * The bytes of a text, as they are but for a byte order mark: what is not UTF-8 (or `encoding`) is refused with the line
 * and what to do. What is packed by gzip is unpacked. Holds a block of the file, or its longest line.
 */
export async function* textBlocks(
  stream: AsyncIterable<Buffer>,
  name: string,
  encoding: string | undefined,
  onEncoding?: (encoding: string) => void,
): AsyncGenerator<TextBlock, void, undefined> {
  let rest: Buffer[] = []
  let restBytes = 0
  let line = 1
  const block = (bytes: Buffer): TextBlock => {
    checkText(bytes, name, line)
    return { bytes, line }
  }
  for await (const chunk of decoded(unpacked(stream, name), name, encoding, onEncoding)) {
    const end = chunk.lastIndexOf(newline) + 1
    const whole = chunk.subarray(0, end)
    if (restBytes + (end === 0 ? chunk.length : chunk.indexOf(newline)) > maxLineBytes) {
      throw usageError(`${name}:${line}: a line of more than ${maxLineBytes / 2 ** 20} MiB. No model reads so much.`)
    }
    if (end > 0) {
      const lines = block(rest.length > 0 ? Buffer.concat([...rest, whole]) : whole)
      rest = []
      restBytes = 0
      yield lines
      line += linesIn(whole)
    }
    if (end < chunk.length) rest.push(chunk.subarray(end))
    restBytes += chunk.length - end
  }
  if (restBytes > 0) yield block(rest.length === 1 ? rest[0]! : Buffer.concat(rest))
}

const newline = 10

/** Nobody calls a picture so. */
const textNames = /\.(csv|tsv|txt|jsonl|ndjson|json|geojson|md)(\.gz)?$/i

function linesIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++
  return count
}

function checkText(bytes: Buffer, name: string, firstLine: number): void {
  if (isUtf8(bytes) && !bytes.includes(0)) return
  let line = firstLine
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(newline, from)
    const text = bytes.subarray(from, end < 0 ? bytes.length : end)
    if (!isUtf8(text) || text.includes(0)) {
      const advice = textNames.test(name)
        ? "(another encoding?). Say which it is, for example --encoding windows-1252 or utf-16le."
        : "(an image, a PDF, another encoding?). Name files of text, or say what it is, for example --encoding windows-1252 or utf-16le."
      throw usageError(`${name}:${line}: not a text in UTF-8 ${advice}`)
    }
    from += text.length + 1
  }
}

/** In UTF-8 without a byte order mark. UTF-16 that has one needs no `encoding`. */
async function* decoded(
  chunks: AsyncIterable<Buffer>,
  name: string,
  encoding: string | undefined,
  onEncoding: ((encoding: string) => void) | undefined,
): AsyncGenerator<Buffer> {
  let decoder: TextDecoder | undefined
  let isFirst = true
  for await (let chunk of chunks) {
    if (isFirst) {
      isFirst = false
      const other = fileKindOf(chunk)
      if (other) throw usageError(`${name}: ${other.kind}, not a text. ${other.advice}`)
      const label = encoding ?? markedEncoding(chunk)
      if (label && !/^utf-?8$/i.test(label)) decoder = new TextDecoder(label, { fatal: true })
      else if (chunk.indexOf("\uFEFF") === 0) chunk = chunk.subarray(3)
      onEncoding?.(decoder?.encoding ?? "utf-8")
    }
    yield decoder ? decode(decoder, chunk, name) : chunk
  }
  if (decoder) yield decode(decoder, undefined, name)
}

/** UTF-16, where a byte order mark says so. */
export function markedEncoding(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le"
  return bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : undefined
}

function decode(decoder: TextDecoder, chunk: Buffer | undefined, name: string): Buffer {
  try {
    return Buffer.from(chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode())
  } catch {
    throw usageError(`${name}: not a text in ${decoder.encoding}.`)
  }
}

async function* unpacked(stream: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done) return
  const begin: Buffer = first.value
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield begin
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
    } finally {
      await chunks.return?.()
    }
  }
  if (begin[0] !== 0x1f || begin[1] !== 0x8b) return yield* all()
  const packed = Readable.from(all())
  const unzip = createGunzip()
  packed.on("error", (error) => unzip.destroy(error))
  try {
    yield* packed.pipe(unzip) as AsyncIterable<Buffer>
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith("Z_")) throw error
    throw usageError(`${name}: not a whole gzip file (${(error as Error).message}).`)
  }
}
