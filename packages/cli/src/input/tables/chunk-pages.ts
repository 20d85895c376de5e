import type { AsyncBuffer, ColumnMetaData } from "hyparquet"
import { type PageHead, readPageHead } from "./page-head.ts"

/** So many rows are taken at once, and whole pages, of which most programs write such ones. */
export const rowsAtOnce = 10_000
/** Or so many bytes, before they are unpacked. */
const bytesAtOnce = 2 ** 20
/** Of a page's head, and of most columns in small groups. */
const blockBytes = 2 ** 16
/** Longer than a page's head with statistics of the longest texts. */
const longestHead = 2 ** 24

/** Some pages as they stand in the file. */
export interface RawPages {
  /** The dictionary's page, where these need it. */
  readonly dictionary: Uint8Array | undefined
  readonly pages: readonly Uint8Array[]
  readonly rows: number
}

/** The pages of a column of values, in one group of rows. Holds the dictionary and what was asked for last. */
export class ChunkPages {
  readonly #buffer: AsyncBuffer
  readonly #end: number
  #at: number
  #dictionary: Uint8Array | undefined

  constructor(
    buffer: AsyncBuffer,
    { dictionary_page_offset, data_page_offset, total_compressed_size }: ColumnMetaData,
  ) {
    this.#buffer = buffer
    this.#at = Number(dictionary_page_offset || data_page_offset)
    this.#end = this.#at + Number(total_compressed_size)
  }

  /** Where the next page begins. */
  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** The next ones, of `wanted` rows or fewer, of a column that does not nest. @throws where there is none */
  async next(wanted: number): Promise<RawPages> {
    const pages: Uint8Array[] = []
    let [rows, size, isIndexed] = [0, 0, false]
    while (rows < Math.min(wanted, rowsAtOnce) && size < bytesAtOnce) {
      const { head, bytes } = await this.page()
      if (head.kind === "dictionary") this.#dictionary = bytes
      if (head.kind !== "data") continue
      pages.push(bytes)
      rows += head.rows
      size += bytes.length
      isIndexed ||= head.isIndexed
    }
    return { dictionary: isIndexed ? this.#dictionary : undefined, pages, rows }
  }

  /** The next one, and what it says of itself. @throws where there is none */
  async page(): Promise<{ readonly head: PageHead; readonly bytes: Uint8Array }> {
    const from = this.#at
    const left = this.#end - from
    for (let length = Math.min(left, blockBytes); length > 0; length = Math.min(left, length * 2)) {
      const block = new Uint8Array(await this.#buffer.slice(from, from + length))
      const head = readPageHead(block)
      if (!head) {
        if (length === left || length >= longestHead) break
        continue
      }
      const size = head.headBytes + head.bodyBytes
      if (size > left) break
      this.#at = from + size
      if (size <= length) return { head, bytes: block.slice(0, size) }
      return { head, bytes: new Uint8Array(await this.#buffer.slice(from, from + size)) }
    }
    throw new Error("a page is missing")
  }
}
