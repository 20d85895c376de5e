import type { AsyncBuffer, ColumnChunk } from "hyparquet"
import { ChunkPages } from "./chunk-pages.ts"

/** A column of values below one that nests. */
export interface Leaf {
  readonly chunk: ColumnChunk
  /** How many lists it lies in. */
  readonly lists: number
}

interface PagePlace {
  readonly offset: number
  size: number
  readonly firstRow: number
}

/** Unpacks a page's body. */
export type Unpack = (bytes: Uint8Array, length: number, codec: string) => Uint8Array

/** Chunks that say where their pages are, and the file with these indexes behind its end: what the file itself may leave out. */
export async function indexedChunks(
  buffer: AsyncBuffer,
  leaves: readonly Leaf[],
  unpack: Unpack,
): Promise<{ readonly chunks: readonly ColumnChunk[]; readonly buffer: AsyncBuffer }> {
  const chunks: ColumnChunk[] = []
  const indexes: Uint8Array[] = []
  let end = buffer.byteLength
  for (const leaf of leaves) {
    const bytes = offsetIndex(await placesOf(buffer, leaf, unpack))
    chunks.push({ ...leaf.chunk, offset_index_offset: BigInt(end), offset_index_length: bytes.length })
    indexes.push(bytes)
    end += bytes.length
  }
  const behind = new Uint8Array(Buffer.concat(indexes))
  const from = buffer.byteLength
  return {
    chunks,
    buffer: {
      byteLength: end,
      slice: (start, until) =>
        start >= from ? behind.slice(start - from, (until ?? end) - from).buffer : buffer.slice(start, until),
    },
  }
}

/** Pages that each begin with a row: one that goes on with the row of the page before is a part of that one. */
async function placesOf(buffer: AsyncBuffer, { chunk, lists }: Leaf, unpack: Unpack): Promise<PagePlace[]> {
  const { meta_data: meta } = chunk
  if (!meta) throw new Error("nothing is said of a column")
  const pages = new ChunkPages(buffer, meta)
  const places: PagePlace[] = []
  let row = 0
  while (!pages.isAtEnd) {
    const offset = pages.at
    const { head, bytes } = await pages.page()
    if (head.kind !== "data") continue
    const { begun, isContinued } =
      lists === 0 || head.version === 2
        ? { begun: head.rows, isContinued: false }
        : rowsBegun(unpack(bytes.subarray(head.headBytes), head.unpackedBytes, meta.codec), head.rows, lists)
    const before = places.at(-1)
    if (isContinued && before) before.size += bytes.length
    else places.push({ offset, size: bytes.length, firstRow: row })
    row += begun
  }
  return places
}

/** A level of 0 begins a row; levels are runs of one, or bits side by side. */
function rowsBegun(body: Uint8Array, values: number, lists: number): { begun: number; isContinued: boolean } {
  const width = 32 - Math.clz32(lists)
  let [at, seen, begun, first] = [4, 0, 0, 0]
  const byte = (): number => {
    const value = body[at++]
    if (value === undefined) throw new Error("levels end too early")
    return value
  }
  const take = (level: number, count: number): void => {
    if (seen === 0) first = level
    if (level === 0) begun += count
    seen += count
  }
  while (seen < values) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      const value = byte()
      header += (value & 127) * 2 ** shift
      if (value < 128) break
    }
    if (header % 2 === 0) {
      let level = 0
      for (let shift = 0; shift < width; shift += 8) level += byte() * 2 ** shift
      take(level, Math.min(header / 2, values - seen))
      if (header === 0) throw new Error("levels of no length")
      continue
    }
    let [bits, held] = [0, 0]
    for (let left = ((header - 1) / 2) * 8; left > 0; left--) {
      while (held < width) {
        bits |= byte() << held
        held += 8
      }
      if (seen < values) take(bits & ((1 << width) - 1), 1)
      bits >>>= width
      held -= width
    }
  }
  return { begun, isContinued: first !== 0 }
}

/** As the format has it, in Thrift's compact protocol: a list of places, each with three numbers. */
function offsetIndex(places: readonly PagePlace[]): Uint8Array {
  const bytes: number[] = []
  const whole = (value: number): void => size(value * 2)
  const size = (value: number): void => {
    let left = value
    for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
    bytes.push(left)
  }
  bytes.push(0x19, 0xfc)
  size(places.length)
  for (const place of places) {
    for (const [type, value] of [
      [0x16, place.offset],
      [0x15, place.size],
      [0x16, place.firstRow],
    ] as const) {
      bytes.push(type)
      whole(value)
    }
    bytes.push(0)
  }
  bytes.push(0)
  return Uint8Array.from(bytes)
}
