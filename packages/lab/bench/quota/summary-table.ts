import type { Row } from "./run-pair.ts"

const NO_FIGURES = "no figures"

/** Who loses nothing in a scenario that can be finished: only their times can be compared. */
export function isComparable(row: Row): boolean {
  return row.lost === 0 && !row.neverEnds && Number.isFinite(row.ratio)
}

/** Every contestant in every scenario at a glance, and sums over all scenarios. */
export function summaryTable(rows: readonly Row[]): string[] {
  const scenarios = Map.groupBy(rows, ({ scenario }) => scenario)
  const contestants = Map.groupBy(rows, ({ contestant }) => contestant)
  const sum = (title: string, of: (own: readonly Row[]) => string): string =>
    tableLine([title, ...[...contestants.values()].map((own) => of(own))])
  return [
    tableLine(["", ...contestants.keys()]),
    `|---|${"---:|".repeat(contestants.size)}`,
    ...[...scenarios.values()].map((group) => {
      const best = Math.min(...group.filter(isComparable).map(({ ratio }) => ratio))
      const cells = [...contestants.keys()].map((name) => {
        const row = group.find(({ contestant }) => contestant === name)
        return row ? cell(row, best) : "not run"
      })
      return tableLine([group[0]?.title ?? "", ...cells])
    }),
    sum("*lost in all*", (own) => {
      const counted = own.filter(({ lost, neverEnds }) => !neverEnds && Number.isFinite(lost))
      return `${total(counted, ({ lost }) => lost)} of ${total(counted, ({ calls }) => calls)}`
    }),
    sum("*refused for each 100 answered*", (own) => {
      const counted = own.filter(({ refused }) => Number.isFinite(refused))
      const answered = total(counted, (row) => row.answered)
      return answered === 0 ? "–" : ((100 * total(counted, ({ refused }) => refused)) / answered).toFixed(1)
    }),
    sum("*times, where nothing was lost*", (own) => {
      const ratios = own.filter(isComparable).map(({ ratio }) => ratio)
      if (ratios.length === 0) return "–"
      return `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)} (${ratios.length} of ${own.filter(({ neverEnds }) => !neverEnds).length})`
    }),
    "",
    "Time as a multiple of the oracle's, the least possible; **bold** is the fastest that lost nothing. *In brackets*: not comparable, because calls were lost, and who gives up calls is done sooner. Where the money runs out nobody can finish: the cell says how many calls were answered until it had, and how many were still sent after.",
    "",
  ]
}

function cell(row: Row, best: number): string {
  const { neverEnds, failure, lost, ratio, answered, refusedByReason } = row
  if (Number.isNaN(lost)) return NO_FIGURES
  if (failure !== undefined) return `failed, ${lost} lost`
  if (neverEnds) return `${answered} answered, ${refusedByReason["billing"] ?? 0} in vain`
  if (lost > 0) return `*(${timeOf(row)})* ${lost} lost`
  return ratio === best ? `**${timeOf(row)}**` : timeOf(row)
}

/** Time as a multiple of the oracle's; nothing that was answered has no time. */
export function timeOf({ answered, ratio }: Row): string {
  return answered === 0 || !Number.isFinite(ratio) ? "–" : ratio.toFixed(2)
}

export function tableLine(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`
}

function total(rows: readonly Row[], of: (row: Row) => number): number {
  return rows.reduce((sum, row) => sum + of(row), 0)
}
