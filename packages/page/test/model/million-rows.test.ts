import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, test } from "vitest"
import { ItemColumns } from "../../src/items/item-columns.ts"
import { ItemList } from "../../src/items/item-list.ts"
import { RowIndex } from "../../src/items/row-index.ts"
import { sortedRows } from "../../src/items/sorted-rows.ts"

const million = 1_000_000
const columns = new ItemColumns()
const index = new RowIndex()

/** A number that looks like chance and is the same each time. */
const drawn = (row: number, below: number): number => (Math.imul(row + 1, 2_654_435_761) >>> 7) % below

function heldBytes(): number {
  setFlagsFromString("--expose-gc")
  ;(runInNewContext("gc") as () => void)()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

test("a million items take less than 90 MB, and their rows are found by node and index", () => {
  const before = heldBytes()
  for (let at = 0; at < million; at++) {
    const row = columns.add("run", at)
    index.set("run", at, row)
    const latencyMs = drawn(row, 60_000)
    columns.write(row, { attempts: 1 + Number(drawn(row, 20) === 0), latencyMs, usd: latencyMs / 1e7, settledMs: row })
    columns.setFinish(row, drawn(row, 50) === 0 ? "length" : "stop")
    columns.setStatus(row, drawn(row, 100) === 0 ? "failed" : "ok")
  }
  expect((heldBytes() - before) / 2 ** 20).toBeLessThan(90)
  expect([0, 999_999].map((at) => index.get("run", at))).toEqual([0, 999_999])
  expect(index.get("run", million)).toBeUndefined()
  expect(index.get("other", 0)).toBeUndefined()
  expect(columns.counts.reduce((sum, each) => sum + each, 0)).toBe(million)
})

test("in order by any column, up and down; who has no value is last both ways", () => {
  const slowest = sortedRows(columns, { filter: "all", sort: "latency", descending: true })
  expect(slowest).toHaveLength(million)
  const latencies = Array.from(slowest.subarray(0, 50_000), (row) => columns.latencyMs[row]!)
  expect(latencies).toEqual(latencies.toSorted((a, b) => b - a))
  expect(latencies[0]).toBe(59_999)
  const fastest = sortedRows(columns, { filter: "all", sort: "latency", descending: false })
  expect(columns.latencyMs[fastest[0]!]).toBe(0)
  expect(new Set(fastest).size).toBe(million)
  columns.write(7, { latencyMs: Number.NaN })
  for (const descending of [true, false])
    expect(sortedRows(columns, { filter: "all", sort: "latency", descending }).at(-1)).toBe(7)
})

test.each([
  ["failed", (row: number) => drawn(row, 100) === 0],
  ["ok", (row: number) => drawn(row, 100) !== 0],
  ["retried", (row: number) => drawn(row, 20) === 0],
  ["cut", (row: number) => drawn(row, 50) === 0],
  ["in flight", () => false],
] as const)("the filter %s has those and no others, alone and together with a search", (filter, fits) => {
  const rows = sortedRows(columns, { filter, sort: "index", descending: false })
  const wanted = Array.from({ length: million }, (_, row) => row).filter(fits)
  expect(rows).toHaveLength(wanted.length)
  expect(rows.every((row, at) => row === wanted[at])).toBe(true)
  const only = new Set([...wanted.slice(0, 3), 1, 2, 3])
  const both = sortedRows(columns, { filter, sort: "index", descending: true }, only)
  expect([...both]).toEqual([...only].filter(fits).toSorted((a, b) => b - a))
})

test("a window of the list is answered in order, and again without being sorted anew as long as little time has passed", () => {
  let now = 0
  const list = new ItemList(
    columns,
    index,
    () => undefined,
    () => now,
  )
  const ask = { filter: "all", sort: "index", descending: true, text: "", limit: 3 } as const
  expect(list.page({ ...ask, offset: 0 })).toMatchObject({
    count: million,
    rows: [{ index: 999_999 }, {}, { index: 999_997 }],
  })
  expect(list.page({ ...ask, offset: 999_998 }).rows.map((row) => row.index)).toEqual([1, 0])
  columns.setStatus(columns.add("run", million), "ok")
  expect(list.page({ ...ask, offset: 0 })).toMatchObject({ count: million, isStale: true })
  now = 60_000
  const fresh = list.page({ ...ask, offset: 0 })
  expect(fresh).toMatchObject({ count: million + 1, rows: [{ index: million }, {}, {}] })
  expect(fresh).not.toHaveProperty("isStale")
})

test("an index that is far from all others costs no memory for what lies between", () => {
  const far = new RowIndex()
  far.set("run", 4_000_000_000, 3)
  far.set("run", 0, 1)
  expect(far.get("run", 4_000_000_000)).toBe(3)
  expect(far.get("run", 0)).toBe(1)
  expect(far.get("run", 3_999_999_999)).toBeUndefined()
})
