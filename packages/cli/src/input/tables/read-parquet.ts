import { type FileHandle, open } from "node:fs/promises"
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib"
import { parseExactJson } from "@sluice/journal"
import type { AsyncBuffer, ColumnChunk, Compressors, FileMetaData, ParquetParsers, SchemaElement } from "hyparquet"
import { usageError } from "../../usage-error.ts"
import type { Input } from "../input.ts"
import { optionalPart } from "../optional-part.ts"
import { checkBegin } from "./check-begin.ts"
import { type ColumnSlice, columnSlices, type GroupColumn, type ParquetFile } from "./column-slices.ts"
import type { Unpack } from "./nested-pages.ts"
import { dateText, momentText, parquetColumns, plainValue } from "./parquet-values.ts"

const parsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value) => momentText(value, 3),
  timestampFromMicroseconds: (value) => momentText(value, 6),
  timestampFromNanoseconds: (value) => momentText(value, 9),
  dateFromDays: dateText,
  jsonFromBytes: (bytes) => parseExactJson(Buffer.from(bytes).toString()),
}

// No longer than the page says of itself: a few bytes may unpack to gigabytes.
const compressors: Compressors = {
  GZIP: (bytes, length) => gunzipSync(bytes, { maxOutputLength: atLeastOne(length) }),
  BROTLI: (bytes, length) => brotliDecompressSync(bytes, { maxOutputLength: atLeastOne(length) }),
  ZSTD: (bytes, length) => zstdDecompressSync(bytes, { maxOutputLength: atLeastOne(length) }),
}

function atLeastOne(length: number): number {
  return Math.max(1, length)
}

/** Each row an input, by the names of the columns. Holds some pages of each column. */
export async function* readParquet(file: string): AsyncGenerator<Input, void, undefined> {
  const { parquetMetadataAsync, parquetRead, snappyUncompress } = await optionalPart(
    ["hyparquet"],
    `${file}: reading Parquet`,
    () => import("hyparquet"),
  )
  checkBegin(file, "a Parquet file", "PAR1")
  const handle = await open(file)
  try {
    const buffer = await bufferOf(handle)
    const metadata = await legible(file, () => parquetMetadataAsync(buffer, { geoparquet: false }))
    const columns = parquetColumns(metadata)
    const common = { utf8: false, compressors, parsers, geoparquet: false }
    const read: ParquetFile["read"] = (options) => parquetRead({ ...options, ...common })
    const unpack: Unpack = (bytes, length, codec) => {
      if (codec === "UNCOMPRESSED") return bytes
      const unpacked = compressors[codec as keyof Compressors]?.(bytes, length)
      if (unpacked) return unpacked
      if (codec !== "SNAPPY") throw new Error(`parquet unsupported compression codec: ${codec}`)
      const into = new Uint8Array(Math.max(0, length))
      snappyUncompress(bytes, into)
      return into
    }
    const source: ParquetFile = { buffer, metadata, read, unpack }
    const groups = columnsByGroup(metadata)
    let row = 0
    for (const group of groups) {
      const end = group[0]?.end ?? row
      const slices = group.map((column) => columnSlices(source, column))
      const current: ColumnSlice[] = []
      while (row < end) {
        let until = end
        for (const [at, column] of slices.entries()) {
          if ((current[at]?.end ?? row) <= row) {
            const next = await legible(file, () => column.next())
            if (next.done) throw usageError(`${file}: not a Parquet file that can be read (row ${row} is missing).`)
            current[at] = next.value
          }
          // Pages of one column end where those of another go on.
          until = Math.min(until, current[at]?.end ?? row)
        }
        for (; row < until; row++) {
          const at = row
          const cells = group.map(({ name }, index) => [
            name,
            plainValue(current[index]?.valueAt(at), columns.get(name)),
          ])
          yield { record: Object.fromEntries(cells) as Input["record"], where: `${file}[${at}]` }
        }
      }
    }
  } finally {
    await handle.close()
  }
}

/** Of each group of rows its columns, as the top of the schema has them. */
function columnsByGroup({ schema, row_groups }: FileMetaData): (readonly GroupColumn[])[] {
  const elements = topElements(schema)
  const lists = listsByPath(schema)
  let start = 0
  return row_groups.map(({ columns, num_rows }) => {
    const end = start + Number(num_rows)
    const chunks = new Map<string, ColumnChunk[]>()
    for (const chunk of columns) {
      const name = chunk.meta_data?.path_in_schema[0] ?? ""
      const before = chunks.get(name)
      if (before) before.push(chunk)
      else chunks.set(name, [chunk])
    }
    const group = elements.map((element) => groupColumn(element, chunks.get(element.name) ?? [], lists, { start, end }))
    start = end
    return group
  })
}

function groupColumn(
  element: SchemaElement,
  chunks: readonly ColumnChunk[],
  lists: ReadonlyMap<string, number>,
  rows: Pick<GroupColumn, "start" | "end">,
): GroupColumn {
  const [chunk] = chunks
  const isFlat = !element.num_children && element.repetition_type !== "REPEATED"
  const isIndexed = chunks.every(({ offset_index_offset: offset }) => offset !== undefined && offset > 0n)
  const bytes = chunks.reduce((total, { meta_data: meta }) => total + Number(meta?.total_uncompressed_size ?? 0), 0)
  const leaves = chunks.map((each) => ({
    chunk: each,
    lists: lists.get(JSON.stringify(each.meta_data?.path_in_schema)) ?? 0,
  }))
  return {
    name: element.name,
    flat: isFlat && chunk ? { element, chunk } : undefined,
    leaves,
    isIndexed,
    bytes,
    ...rows,
  }
}

/** How many lists each column of values lies in, by its path. */
function listsByPath(schema: readonly SchemaElement[]): Map<string, number> {
  const lists = new Map<string, number>()
  let at = 1
  const walk = (path: readonly string[], above: number, children: number): void => {
    for (let child = 0; child < children; child++) {
      const element = schema[at++]
      if (!element) return
      const own = [...path, element.name]
      const within = above + (element.repetition_type === "REPEATED" ? 1 : 0)
      if (element.num_children) walk(own, within, element.num_children)
      else lists.set(JSON.stringify(own), within)
    }
  }
  walk([], 0, schema[0]?.num_children ?? 0)
  return lists
}

/** Of the columns, without what is inside them. */
function topElements(schema: readonly SchemaElement[]): SchemaElement[] {
  const elements: SchemaElement[] = []
  let within = 0
  for (const element of schema.slice(1)) {
    const { num_children: children = 0 } = element
    if (within > 0) within += children - 1
    else {
      elements.push(element)
      within = children
    }
  }
  return elements
}

async function bufferOf(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(end - start)
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      if (bytesRead < bytes.length) throw new Error("the file ends too early")
      return bytes.buffer
    },
  }
}

async function legible<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw usageError(`${file}: not a Parquet file that can be read (${(error as Error).message}).`)
  }
}
