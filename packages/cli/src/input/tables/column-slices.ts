import type { AsyncBuffer, ColumnChunk, ColumnData, FileMetaData, ParquetReadOptions, SchemaElement } from "hyparquet"
import { ChunkPages, rowsAtOnce } from "./chunk-pages.ts"
import { indexedChunks, type Leaf, type Unpack } from "./nested-pages.ts"

/** A file, and what unpacks parts of it. */
export interface ParquetFile {
  readonly buffer: AsyncBuffer
  readonly metadata: FileMetaData
  readonly read: (options: ParquetReadOptions) => Promise<void>
  readonly unpack: Unpack
}

/** A column at the top of the schema, in one group of rows. */
export interface GroupColumn {
  readonly name: string
  /** Of a column that does not nest. */
  readonly flat: { readonly element: SchemaElement; readonly chunk: ColumnChunk } | undefined
  readonly leaves: readonly Leaf[]
  /** The file says where each page is. */
  readonly isIndexed: boolean
  /** Unpacked. */
  readonly bytes: number
  /** The rows of the group, as the file counts them; `end` is behind the last. */
  readonly start: number
  readonly end: number
}

/** Values in consecutive rows, as far as before `end`. */
export interface ColumnSlice {
  readonly end: number
  readonly valueAt: (row: number) => unknown
}

/** The values of a column in the order of rows. Holds some pages of it. */
export function columnSlices(file: ParquetFile, column: GroupColumn): AsyncGenerator<ColumnSlice, void, undefined> {
  return column.flat ? flatSlices(file, column, column.flat) : nestedSlices(file, column)
}

/** Below that, finding pages takes longer than unpacking them all. */
const smallBytes = 2 ** 21

async function* nestedSlices(
  { buffer, metadata, read, unpack }: ParquetFile,
  { name, leaves, isIndexed, bytes, start, end }: GroupColumn,
): AsyncGenerator<ColumnSlice> {
  const isSmall = bytes < smallBytes
  const chunks = leaves.map(({ chunk }) => chunk)
  const found = isSmall || isIndexed ? { chunks, buffer } : await indexedChunks(buffer, leaves, unpack)
  // To its reader, a file of this group alone.
  const num_rows = BigInt(end - start)
  const row_groups = [{ columns: [...found.chunks], num_rows, total_byte_size: BigInt(bytes) }]
  const part = { file: found.buffer, metadata: { ...metadata, num_rows, row_groups }, columns: [name] }
  const step = isSmall ? end - start : rowsAtOnce
  for (let rowStart = 0; rowStart < end - start; rowStart += step) {
    const rowEnd = Math.min(end - start, rowStart + step)
    const data: ColumnData[] = []
    const onChunk = (chunk: ColumnData): void => void data.push(chunk)
    await read({ ...part, rowStart, rowEnd, useOffsetIndex: !isSmall, onChunk })
    const [first] = data
    const last = data.at(-1)
    if (!first || !last || first.rowStart > rowStart || last.rowEnd < rowEnd) throw new Error(`${name} has fewer rows`)
    yield { end: start + rowEnd, valueAt: valuesOf(data, start) }
  }
}

/** Each page is read and unpacked once, whatever the size of the group. */
async function* flatSlices(
  { buffer, metadata, read }: ParquetFile,
  { name, start, end }: GroupColumn,
  { element, chunk }: NonNullable<GroupColumn["flat"]>,
): AsyncGenerator<ColumnSlice> {
  const { meta_data: meta } = chunk
  if (!meta) throw new Error(`nothing is said of ${name}`)
  const [root] = metadata.schema
  const pages = new ChunkPages(buffer, meta)
  for (let row = start; row < end;) {
    const { dictionary, pages: data, rows } = await pages.next(end - row)
    // To its reader, a file of one column that has these pages and no more.
    const before = [magic, ...(dictionary ? [dictionary] : [])]
    const bytes = Buffer.concat([...before, ...data])
    const size = BigInt(bytes.length - magic.length)
    const { dictionary_page_offset: _inFile, ...rest } = meta
    const meta_data = {
      ...rest,
      num_values: BigInt(rows),
      ...(dictionary && { dictionary_page_offset: BigInt(magic.length) }),
      data_page_offset: BigInt(magic.length + (dictionary?.length ?? 0)),
      total_compressed_size: size,
    }
    const chunks: ColumnData[] = []
    await read({
      file: bufferOf(bytes),
      metadata: {
        ...metadata,
        schema: [{ ...root!, num_children: 1 }, element],
        num_rows: BigInt(rows),
        row_groups: [{ columns: [{ ...chunk, meta_data }], num_rows: BigInt(rows), total_byte_size: size }],
      },
      onChunk: (each) => void chunks.push(each),
    })
    if (chunks.at(-1)?.rowEnd !== rows) throw new Error(`${name} has other rows than its pages say`)
    yield { end: row + rows, valueAt: valuesOf(chunks, row) }
    row += rows
  }
}

/** What every Parquet file begins with. A place of 0 would be none. */
const magic = Buffer.from("PAR1")

function bufferOf(bytes: Buffer): AsyncBuffer {
  return {
    byteLength: bytes.length,
    slice: (start, end) => new Uint8Array(bytes.subarray(start, end)).buffer,
  }
}

/** Of chunks whose rows are counted from `offset`. Rows are asked for in their order: what is behind is let go. */
function valuesOf(chunks: ColumnData[], offset: number): ColumnSlice["valueAt"] {
  return (row) => {
    const at = row - offset
    while (chunks[0] && chunks[0].rowEnd <= at) chunks.shift()
    const [chunk] = chunks
    return chunk?.columnData[at - chunk.rowStart]
  }
}
