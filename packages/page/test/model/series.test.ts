import { expect, test } from "vitest"
import { appended, columnsOf, inLastMinute } from "../../client/live/columns.ts"
import { LiveSeries, type SeriesGauges } from "../../src/chart/live-series.ts"

const gauges = (waiting: Readonly<Record<string, number>> = {}, requestLimit?: number): SeriesGauges => ({
  inFlight: 1,
  requestLimit,
  tokenLimit: undefined,
  waiting: new Map(Object.entries(waiting)),
})

test("what came in a moment belongs to that moment; a limit that is not known is null", () => {
  const series = new LiveSeries()
  series.take(2, 100)
  series.take(1, 50)
  series.close(1_000, gauges({}, 60))
  series.close(2_500, gauges())
  expect(series.since()).toEqual({
    atMs: [1_000, 2_500],
    spanMs: [1_000, 1_500],
    requests: [3, 0],
    tokens: [150, 0],
    inFlight: [1, 1],
    requestLimit: [60, null],
    tokenLimit: [null, null],
    waiting: {},
  })
})

test("a reason has a number at every moment, whenever calls begin and end to wait for it, also where it is told piece by piece", () => {
  const series = new LiveSeries()
  const moments = [{}, { requests: 3 }, { requests: 2, tokens: 5 }, { tokens: 1 }, {}]
  let columns = columnsOf(series.since())
  let told = 0
  for (const [at, waiting] of moments.entries()) {
    series.close((at + 1) * 1_000, gauges(waiting))
    columns = appended(columns, series.since(told))
    told = series.end
  }
  expect(Object.fromEntries(columns.waiting)).toEqual({ requests: [0, 3, 2, 0, 0], tokens: [0, 0, 5, 1, 0] })
  expect(series.since().waiting).toEqual(Object.fromEntries(columns.waiting))
  expect(columns.atMs).toEqual([1_000, 2_000, 3_000, 4_000, 5_000])
})

test("a run of days keeps its sums and its peaks in memory that does not grow, and says that older moments changed", () => {
  const series = new LiveSeries()
  const { edition } = series
  const seconds = 200_000
  for (let at = 1; at <= seconds; at++) {
    series.take(1, 10)
    series.close(at * 1_000, { ...gauges(), inFlight: at === 1_000 ? 77 : 1 })
  }
  const { atMs, spanMs, requests, tokens, inFlight } = series.since()
  expect(atMs.length).toBeLessThanOrEqual(7_200)
  expect(series.edition).toBeGreaterThan(edition)
  const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)
  expect([sum(requests), sum(tokens), sum(spanMs)]).toEqual([seconds, seconds * 10, seconds * 1_000])
  expect(Math.max(...inFlight)).toBe(77)
  expect(atMs).toEqual(atMs.toSorted((a, b) => a - b))
})

test("what is drawn by the minute is what the last minute had, also above the limit; longer spans count by the minute", () => {
  const spanMs = Array.from({ length: 120 }, () => 1_000)
  const burst = spanMs.map((_, at) => (at < 20 ? 30 : 1))
  const had = inLastMinute(burst, spanMs)
  expect([had[0], had[9], had[59], had[79], had[119]]).toEqual([30, 300, 640, 60, 60])
  expect(inLastMinute([240], [120_000])).toEqual([120])
})
