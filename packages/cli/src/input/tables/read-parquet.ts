import { type FileHandle, open } from "node:fs/promises"
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib"
import { parseExactJson } from "@sluice/journal"
import type { AsyncBuffer, ColumnChunk, Compressors, FileMetaData, ParquetParsers, SchemaElement } from "hyparquet"
import { formatCount } from "../../display/quantities.ts"
import { usageError } from "../../usage-error.ts"
import type { Input } from "../input.ts"
import { optionalPart } from "../optional-part.ts"
import { type ColumnSlice, columnSlices, type GroupColumn, type ParquetFile } from "./column-slices.ts"
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

/**
 * Each row an input, by the names of the columns. Holds some pages of each column; of one that nests all of a group of rows, where the file
 * does not say where its pages are.
 */
export async function* readParquet(
  file: string,
  warn?: (warning: string) => void,
): AsyncGenerator<Input, void, undefined> {
  const { parquetMetadataAsync, parquetRead } = await optionalPart(
    ["hyparquet"],
    `${file}: reading Parquet`,
    () => import("hyparquet"),
  )
  const handle = await open(file)
  try {
    const buffer = await bufferOf(handle)
    const metadata = await legible(file, () => parquetMetadataAsync(buffer, { geoparquet: false }))
    const columns = parquetColumns(metadata)
    const common = { utf8: false, compressors, parsers, geoparquet: false }
    const source: ParquetFile = { buffer, metadata, read: (options) => parquetRead({ ...options, ...common }) }
    const groups = columnsByGroup(metadata)
    const warning = largeGroup(groups)
    if (warning !== undefined) warn?.(`${file}: ${warning}`)
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
    const group = elements.map((element) => groupColumn(element, chunks.get(element.name) ?? [], { start, end }))
    start = end
    return group
  })
}

function groupColumn(
  element: SchemaElement,
  chunks: readonly ColumnChunk[],
  rows: Pick<GroupColumn, "start" | "end">,
): GroupColumn {
  const [chunk] = chunks
  const isFlat = !element.num_children && element.repetition_type !== "REPEATED"
  const isIndexed = chunks.every(({ offset_index_offset: offset }) => offset !== undefined && offset > 0n)
  const bytes = chunks.reduce((total, { meta_data: meta }) => total + Number(meta?.total_uncompressed_size ?? 0), 0)
  return { name: element.name, flat: isFlat && chunk ? { element, chunk } : undefined, isIndexed, bytes, ...rows }
}

/** Of columns that nest so much is unpacked at once before it is told; as values it takes some three times that. */
const notableBytes = 32 * 2 ** 20

function largeGroup(groups: readonly (readonly GroupColumn[])[]): string | undefined {
  const heldOf = (group: readonly GroupColumn[]): readonly GroupColumn[] =>
    group.filter(({ flat, isIndexed }) => !flat && !isIndexed)
  const bytesOf = (group: readonly GroupColumn[]): number => heldOf(group).reduce((sum, { bytes }) => sum + bytes, 0)
  const largest = groups.reduce((most, group) => (bytesOf(group) > bytesOf(most) ? group : most), [])
  if (bytesOf(largest) < notableBytes) return undefined
  const names = heldOf(largest).map(({ name }) => name)
  const [first] = largest
  const rows = (first?.end ?? 0) - (first?.start ?? 0)
  return `${formatCount(rows)} rows are one group, of which ${names.join(", ")} (${Math.round(bytesOf(largest) / 2 ** 20)} MiB) ${names.length === 1 ? "nests and is" : "nest and are"} unpacked at once, into several times as much memory. Write the file in smaller groups (pandas: to_parquet(…, row_group_size=10_000)) or with an index of its pages (write_page_index=True).`
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
