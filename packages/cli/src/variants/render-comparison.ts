import { plainTable } from "../display/plain-table.ts"
import { printable } from "../display/printable.ts"
import { formatCount, formatUsd } from "../display/quantities.ts"
import type { Comparison } from "./compare-variants.ts"

/** For people: a row for each column, and how often all agree. */
export function renderComparison({ columns, inputs, agreed }: Comparison): string {
  const hasChecks = columns.some(({ failingChecks }) => failingChecks > 0)
  const table = plainTable([
    "",
    "ok",
    "failed",
    "cut",
    ...(hasChecks ? ["fail a check"] : []),
    "as the first",
    "cost",
    "median latency",
  ])
  for (const { column, ok, failed, cut, failingChecks, agreement, usd, medianLatencyMs } of columns) {
    table.push([
      printable(column),
      formatCount(ok),
      formatCount(failed),
      formatCount(cut),
      ...(hasChecks ? [formatCount(failingChecks)] : []),
      agreement === undefined ? "" : `${Math.round(100 * agreement)}%`,
      usd === undefined ? "?" : formatUsd(usd),
      medianLatencyMs === undefined ? "" : `${Math.round(medianLatencyMs)} ms`,
    ])
  }
  return `${table.toString()}\n${formatCount(agreed)} of ${formatCount(inputs)} inputs got the same answer from all.`
}
