import type { Series } from "../../src/wire.ts"

/** The server's series, that grows. */
export interface Columns {
  readonly atMs: number[]
  readonly spanMs: number[]
  readonly requests: number[]
  readonly tokens: number[]
  readonly inFlight: number[]
  readonly requestLimit: (number | null)[]
  readonly tokenLimit: (number | null)[]
  readonly waiting: Map<string, number[]>
}

const names = ["atMs", "spanMs", "requests", "tokens", "inFlight", "requestLimit", "tokenLimit"] as const
/** A tab that is open for days forgets the oldest. */
const mostPoints = 20_000

export function columnsOf(series: Series): Columns {
  const empty = { atMs: [], spanMs: [], requests: [], tokens: [], inFlight: [], requestLimit: [], tokenLimit: [] }
  return appended({ ...empty, waiting: new Map() }, series)
}

/** The same columns, longer: a new object, so that who compares sees it. */
export function appended(columns: Columns, series: Series): Columns {
  const before = columns.atMs.length
  for (const name of names) for (const value of series[name]) columns[name].push(value as number)
  for (const [reason, calls] of Object.entries(series.waiting)) {
    const known = columns.waiting.get(reason) ?? []
    while (known.length < before) known.push(0)
    known.push(...calls)
    columns.waiting.set(reason, known)
  }
  for (const known of columns.waiting.values()) while (known.length < columns.atMs.length) known.push(0)
  const over = columns.atMs.length - mostPoints
  if (over > mostPoints / 10) {
    for (const name of names) columns[name].splice(0, over)
    for (const known of columns.waiting.values()) known.splice(0, over)
  }
  return { ...columns }
}

/** What the last minute had at each moment, as much as it was: what a limit of a minute is compared with. */
export function inLastMinute(counts: readonly number[], spanMs: readonly number[]): number[] {
  const minuteMs = 60_000
  let [sum, covered, first] = [0, 0, 0]
  return counts.map((count, at) => {
    sum += count
    covered += spanMs[at]!
    while (covered - spanMs[first]! >= minuteMs && first < at) {
      sum -= counts[first]!
      covered -= spanMs[first]!
      first++
    }
    return (sum * minuteMs) / Math.max(minuteMs, covered)
  })
}
