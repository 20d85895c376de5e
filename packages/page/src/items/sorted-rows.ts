import type { ItemFilter, ItemSort } from "../wire.ts"
import type { ItemColumns } from "./item-columns.ts"

export interface ItemOrder {
  readonly filter: ItemFilter
  readonly sort: ItemSort
  readonly descending: boolean
}

const fits: Readonly<Record<ItemFilter, (columns: ItemColumns, row: number) => boolean>> = {
  all: () => true,
  ok: (columns, row) => columns.status(row) === "ok",
  failed: (columns, row) => columns.status(row) === "failed",
  "in flight": (columns, row) => columns.status(row) === "in flight",
  retried: (columns, row) => columns.attempts[row]! > 1,
  cut: (columns, row) => columns.isCut(row),
}

const valueOf: Readonly<Record<ItemSort, (columns: ItemColumns, row: number) => number>> = {
  index: (columns, row) => columns.index[row]!,
  settled: (columns, row) => columns.settledMs[row]!,
  attempts: (columns, row) => columns.attempts[row]!,
  wait: (columns, row) => columns.waitMs[row]!,
  latency: (columns, row) => columns.latencyMs[row]!,
  input: (columns, row) => columns.inputTokens[row]!,
  output: (columns, row) => columns.outputTokens[row]!,
  // Of a millionth of a dollar.
  usd: (columns, row) => columns.usd[row]! * 1e6,
  status: (columns, row) => columns.statusOrder(row),
}

/** Values are taken as whole numbers below this, so that value and row fit together into one double. */
const mostValue = 2 ** 31

/**
 * The rows that fit, in order; `only` leaves others out. Value and row become one number, as those are sorted ten times as fast as by a
 * function: 0.1 s for a million. Who has no value comes last.
 */
export function sortedRows(columns: ItemColumns, order: ItemOrder, only?: ReadonlySet<number>): Uint32Array {
  const { filter, sort, descending } = order
  const [isIn, value] = [fits[filter], valueOf[sort]]
  const bits = 2 ** Math.max(1, Math.ceil(Math.log2(columns.count + 1)))
  const packed = new Float64Array(only?.size ?? columns.count)
  let count = 0
  const add = (row: number): void => {
    if (!isIn(columns, row)) return
    const number = value(columns, row)
    const whole = Number.isNaN(number) ? mostValue : Math.min(mostValue - 1, Math.max(0, Math.round(number)))
    const rank = descending && whole < mostValue ? mostValue - 1 - whole : whole
    packed[count++] = rank * bits + row
  }
  if (only) only.forEach(add)
  else for (let row = 0; row < columns.count; row++) add(row)
  const sorted = packed.subarray(0, count).sort()
  const rows = new Uint32Array(count)
  for (let at = 0; at < count; at++) rows[at] = sorted[at]! % bits
  return rows
}
