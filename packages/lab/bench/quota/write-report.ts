import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { contestants } from "./contestants.ts"
import { barChart } from "./bar-chart.ts"
import { reportText, type Chart, type RunFacts } from "./report-text.ts"
import type { Row } from "./run-pair.ts"

const charts: readonly (Chart & { readonly of: (row: Row) => number })[] = [
  {
    file: "quota-time.svg",
    title: "Time / oracle (1 is the least possible; less is better; pale: not comparable, calls were lost)",
    of: ({ ratio }) => ratio,
  },
  {
    file: "quota-refused.svg",
    title: "Refused calls per 100 answered (less is better)",
    of: ({ refused, answered }) => (100 * refused) / answered,
  },
  {
    file: "quota-lost.svg",
    title: "Calls lost, of 100 (less is better)",
    of: ({ lost, calls }) => (100 * lost) / calls,
  },
]

/** `quota.md` and its charts. */
export async function writeReport(rows: readonly Row[], facts: RunFacts, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const names = contestants.map(({ name }) => name)
  for (const { file, title, of } of charts) {
    const bars = rows
      .filter((row) => !row.neverEnds && Number.isFinite(of(row)))
      .map((row) => ({
        group: row.title,
        name: row.contestant,
        value: of(row),
        ...(row.lost > 0 && file === "quota-time.svg" && { note: `${row.lost} lost` }),
      }))
    writeFileSync(path.join(folder, file), await barChart(title, bars, names))
  }
  writeFileSync(path.join(folder, "quota.md"), reportText(rows, facts, charts))
}
