import { hash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import { SluiceError } from "@sluice/core"
import {
  type ColumnMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  readOffsetIndex,
  snappyUncompress,
} from "hyparquet"
import { type ColumnSource, parquetWriteFile } from "hyparquet-writer"
import { expect, onTestFinished, test, vi } from "vitest"
import { indexedChunks } from "../../src/input/tables/nested-pages.ts"
import { readParquet } from "../../src/input/tables/read-parquet.ts"
import { temporaryFolder } from "../command/sluice.ts"

type WriteOptions = Parameters<typeof parquetWriteFile>[0]

const nested = join(import.meta.dirname, "../fixtures/tables/pandas-nested.parquet")
const pandas = join(import.meta.dirname, "../fixtures/tables/pandas-pages.parquet")

async function recordsIn(file: string): Promise<unknown[]> {
  const records: unknown[] = []
  for await (const { record, where } of readParquet(file)) {
    expect(where).toBe(`${file}[${records.length}]`)
    records.push(record)
  }
  return records
}

function written(
  columnData: readonly ColumnSource[],
  options: Partial<Parameters<typeof parquetWriteFile>[0]>,
): string {
  const filename = join(temporaryFolder(), "in.parquet")
  parquetWriteFile({ filename, columnData: [...columnData], ...options })
  return filename
}

function listOf(name: string): NonNullable<WriteOptions["schema"]> {
  return [
    { name: "root", num_children: 1 },
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
  ]
}

/** How many bytes were asked for at a time. */
async function readSizes(file: string): Promise<number[]> {
  const sizes: number[] = []
  const handle = await open(file)
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const read = Reflect.get(prototype, "read") as () => unknown
  const spy = vi.spyOn(prototype, "read").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
    sizes.push(args[2] as number)
    return Reflect.apply(read, this, args) as never
  })
  onTestFinished(() => spy.mockRestore())
  await recordsIn(file)
  return sizes
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
const textOf = (id: number): string => hash("sha512", String(id)).repeat(2)

test("pages of pandas: one group of rows, a dictionary that is full at some time, plain pages behind it", async () => {
  expect(await recordsIn(pandas)).toEqual(
    Array.from({ length: 500 }, (_, i) => ({
      id: expect.anything() as unknown,
      text: `text ${i}: ${hash("sha256", String(i))}`,
      label: i % 5 === 0 ? null : ["good", "bad", "grün"][i % 3],
      score: i % 7 === 0 ? null : i / 8,
      good: i % 2 === 0,
    })),
  )
  const ids = (await recordsIn(pandas)).map((record) => JSON.stringify((record as { id: unknown }).id))
  expect(ids).toEqual(Array.from({ length: 500 }, (_, i) => String(9_007_199_254_740_993n + BigInt(i))))
})

test("of a group of rows, however large, a page is read at a time, and once", async () => {
  const ids = Array.from({ length: 40_000 }, (_, id) => id)
  const columns = [
    { name: "id", data: ids, type: "INT32" as const },
    { name: "text", data: ids.map(textOf), type: "STRING" as const },
  ]
  const file = written(columns, { rowGroupSize: ids.length, codec: "UNCOMPRESSED", pageSize: 100_000 })
  const size = readFileSync(file).length
  expect(size).toBeGreaterThan(10_000_000)
  const sizes = await readSizes(file)
  // Metadata apart, of which hyparquet reads half a megabyte at first.
  expect(Math.max(...sizes)).toBeLessThan(600_000)
  expect(sum(sizes)).toBeLessThan(2 * size)
  expect(await recordsIn(file)).toEqual(ids.map((id) => ({ id, text: textOf(id) })))
})

test.each([true, false])("of a column of lists as well; the file says where its pages are: %s", async (offsetIndex) => {
  const ids = Array.from({ length: 30_000 }, (_, id) => id)
  const listsOf = (id: number): string[] => Array.from({ length: id % 4 }, (_, at) => textOf(id + at))
  const file = written([{ name: "texts", data: ids.map(listsOf), offsetIndex }], {
    rowGroupSize: ids.length,
    codec: "UNCOMPRESSED",
    pageSize: 100_000,
    schema: listOf("texts"),
  })
  const size = readFileSync(file).length
  const sizes = await readSizes(file)
  expect(Math.max(...sizes)).toBeLessThan(size / 2)
  expect(await recordsIn(file)).toEqual(ids.map((id) => ({ texts: listsOf(id) })))
})

test("nested columns of pandas, by pages and at once: lists with nulls, empty ones, objects in lists and lists in objects", async () => {
  const expected = Array.from({ length: 400 }, (_, i) => ({
    id: i,
    tags: i % 7 === 0 ? null : Array.from({ length: i % 5 }, (_each, t) => (t === 2 ? null : `tag ${i + t}`)),
    messages: Array.from({ length: 1 + (i % 3) }, (_each, m) => ({
      role: "user",
      content: `say ${m}: ${"word ".repeat(i % 9)}`,
    })),
    who: { name: i % 4 === 0 ? null : `n${i}`, pets: Array(i % 3).fill("cat") },
  }))
  expect(await recordsIn(nested)).toEqual(expected)
  // As if they were large, and few rows enough.
  const handle = await open(nested)
  const { size } = await handle.stat()
  const buffer = {
    byteLength: size,
    async slice(from: number, to = size) {
      const bytes = new Uint8Array(to - from)
      await handle.read(bytes, 0, bytes.length, from)
      return bytes.buffer
    },
  }
  const metadata = await parquetMetadataAsync(buffer)
  const [group] = metadata.row_groups
  const chunks = group!.columns.filter(({ meta_data: meta }) => meta!.path_in_schema[0] === "messages")
  const leaves = chunks.map((chunk) => ({ chunk, lists: 1 }))
  const found = await indexedChunks(buffer, leaves, (bytes, length) => {
    const into = new Uint8Array(length)
    snappyUncompress(bytes, into)
    return into
  })
  const part = { ...metadata, row_groups: [{ ...group!, columns: [...found.chunks] }] }
  for (const [rowStart, rowEnd] of [
    [0, 10],
    [133, 140],
    [390, 400],
  ] as const) {
    const some = { columns: ["messages"], rowStart, rowEnd, useOffsetIndex: true }
    const rows = await parquetReadObjects({ file: found.buffer, metadata: part, ...some })
    expect(rows.map((row) => row["messages"] as unknown)).toEqual(
      expected.slice(rowStart, rowEnd).map(({ messages }) => messages),
    )
  }
  await handle.close()
})

test("a page that goes on with the row of the page before is a part of it", async () => {
  // Levels in runs (0 four times, 1 twice) and as bits (1, 0, 1, 0, 0, 0, 0, 0, of which five count).
  const pages = [pageOf(6, [8, 0, 4, 1]), pageOf(5, [3, 0b00000101]), pageOf(2, [4, 0])]
  const bytes = Uint8Array.from(pages.flat())
  const buffer = { byteLength: bytes.length, slice: (from: number, to?: number) => bytes.slice(from, to).buffer }
  const chunk = { file_offset: 0n, meta_data: metaOf(bytes.length) }
  const found = await indexedChunks(buffer, [{ chunk, lists: 1 }], (body) => body)
  const [{ offset_index_offset: from, offset_index_length: length } = chunk as never] = found.chunks
  const index = await found.buffer.slice(Number(from), Number(from) + length!)
  const [one, two, three] = pages.map((page) => page.length) as [number, number, number]
  expect(readOffsetIndex({ view: new DataView(index), offset: 0 }).page_locations).toEqual([
    { offset: 0n, compressed_page_size: one + two, first_row_index: 0n },
    { offset: BigInt(one + two), compressed_page_size: three, first_row_index: 7n },
  ])
})

/** A page of the first version with these levels and nothing else. */
function pageOf(values: number, levels: readonly number[]): number[] {
  const body = [levels.length, 0, 0, 0, ...levels]
  const size = body.length * 2
  const head = [0x15, 0, 0x15, size, 0x15, size, 0x2c, 0x15, values * 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]
  return [...head, ...body]
}

function metaOf(size: number): ColumnMetaData {
  return {
    type: "INT32",
    encodings: [],
    path_in_schema: ["list"],
    codec: "UNCOMPRESSED",
    num_values: 13n,
    total_uncompressed_size: BigInt(size),
    total_compressed_size: BigInt(size),
    data_page_offset: 0n,
  }
}

test.each([
  { pageSize: 50, rowGroupSize: 1_000 },
  { pageSize: 700, rowGroupSize: 97 },
  { pageSize: 3_000, rowGroupSize: 400, codec: "UNCOMPRESSED" as const },
])("columns whose pages end at different rows come back as they were: %o", async (options) => {
  const rows = Array.from({ length: 1_000 }, (_, id) => ({
    id,
    word: id % 3 === 0 ? null : ["a", "b", "ü"][(id % 7) % 3]!,
    text: id % 11 === 0 ? "" : textOf(id).slice(0, id % 60),
    none: null,
    yes: id % 5 === 0 ? null : id % 2 === 0,
    part: id / 3,
    tags: id % 4 === 0 ? null : Array.from({ length: id % 5 }, (_, at) => ({ name: `t${at}`, at })),
  }))
  const column = (name: keyof (typeof rows)[number]): unknown[] => rows.map((row) => row[name])
  const file = written(
    [
      { name: "id", data: column("id"), type: "INT32" },
      { name: "word", data: column("word"), type: "STRING" },
      { name: "text", data: column("text"), type: "STRING", nullable: false },
      { name: "none", data: column("none"), type: "STRING" },
      { name: "yes", data: column("yes"), type: "BOOLEAN" },
      { name: "part", data: column("part"), type: "DOUBLE" },
      { name: "tags", data: column("tags"), type: "JSON" },
    ],
    options,
  )
  expect(await recordsIn(file)).toEqual(rows)
})

test("a file with bytes that are wrong anywhere ends in one line, and never goes round", async () => {
  const bytes = readFileSync(pandas)
  const file = join(temporaryFolder(), "in.parquet")
  // In the dictionary's page and its head, in pages and their heads, in the metadata.
  const places = [...Array(40).keys(), ...Array.from({ length: 120 }, (_, at) => 400 + at * 413)]
  for (const at of places) {
    const damaged = Buffer.from(bytes)
    damaged[at] = damaged[at]! ^ 0x5a
    writeFileSync(file, damaged)
    await recordsIn(file).catch((error: unknown) => {
      expect(SluiceError.isInstance(error) && error.message).toMatch(
        /: not a Parquet file that can be read \(|no calendar/,
      )
    })
  }
})
