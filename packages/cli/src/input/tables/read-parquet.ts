import { type FileHandle, open } from "node:fs/promises"
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib"
import { parseExactJson } from "@sluice/journal"
import type { AsyncBuffer, ColumnData, Compressors, FileMetaData, ParquetParsers } from "hyparquet"
import { usageError } from "../../usage-error.ts"
import type { Input } from "../input.ts"
import { optionalPart } from "../optional-part.ts"
import { dateText, momentText, parquetColumns, plainValue } from "./parquet-values.ts"

/** So many rows are asked for at once; what comes are whole pages, of which most programs write such ones. */
const rowsAtOnce = 10_000

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

/** Each row an input, by the names of the columns. Holds some pages of each column, or a group of rows where columns nest. */
export async function* readParquet(file: string): AsyncGenerator<Input, void, undefined> {
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
    const names = namesIn(metadata)
    const common = { file: buffer, metadata, utf8: false, compressors, parsers, geoparquet: false }
    // To find a row of a column that nests, all of its group are unpacked.
    const isFlat = names.length === metadata.schema.length - 1
    let row = 0
    for (const { num_rows } of metadata.row_groups) {
      const groupEnd = row + Number(num_rows)
      while (row < groupEnd) {
        const rowEnd = isFlat ? Math.min(groupEnd, row + rowsAtOnce) : groupEnd
        const pages = new PagesOfColumns()
        const options = { ...common, rowStart: row, rowEnd, onChunk: (page: ColumnData) => pages.add(page) }
        await legible(file, () => parquetRead(options))
        // Pages of one column end where those of another go on: what all columns have is taken.
        const end = Math.min(groupEnd, pages.end(names))
        if (end <= row) throw usageError(`${file}: not a Parquet file that can be read (row ${row} is missing).`)
        for (; row < end; row++) {
          const at = row
          const cells = names.map((name) => [name, plainValue(pages.valueAt(name, at), columns.get(name))])
          yield { record: Object.fromEntries(cells) as Input["record"], where: `${file}[${at}]` }
        }
      }
    }
  } finally {
    await handle.close()
  }
}

/** Whole pages, each from a row on. */
class PagesOfColumns {
  readonly #pages = new Map<string, ColumnData[]>()

  add(page: ColumnData): void {
    const pages = this.#pages.get(page.columnName)
    if (pages) pages.push(page)
    else this.#pages.set(page.columnName, [page])
  }

  /** Before which row every column has all of them. */
  end(names: readonly string[]): number {
    return Math.min(...names.map((name) => this.#pages.get(name)?.at(-1)?.rowEnd ?? 0))
  }

  /** Rows are asked for in their order: a page that is behind is let go. */
  valueAt(name: string, row: number): unknown {
    const pages = this.#pages.get(name) ?? []
    while (pages[0] && pages[0].rowEnd <= row) pages.shift()
    const [page] = pages
    return page && page.rowStart <= row ? page.columnData[row - page.rowStart] : undefined
  }
}

/** Of the columns, without what is inside them. */
function namesIn({ schema }: FileMetaData): string[] {
  const names: string[] = []
  let within = 0
  for (const { name, num_children: children = 0 } of schema.slice(1)) {
    if (within > 0) within += children - 1
    else {
      names.push(name)
      within = children
    }
  }
  return names
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
