/**
 * This scheduler under traffic of every shape, against vendors drawn at random, on the virtual clock: hangs, losses, leaks, waits
 * that somebody who knows the vendor would not have had, refusals and time.
 *
 *   pnpm bench:traffic [--draws 1000] [--seed 1] [--worst 10] [--where told=right,shape=batch,rough=no] [--save FILE]
 *   pnpm bench:traffic --only 17 [--events]      one draw, in full
 *
 * `--save` writes a line of JSON for every draw, to be compared with those of another version.
 */
import { appendFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import type { SluiceEvent } from "@sluice/core"
import { randomTraffic, type RandomTraffic, simulate, type TrafficReport } from "@sluice/lab"

interface Row {
  readonly seed: number
  readonly kinds: RandomTraffic["kinds"]
  readonly what: string
  /** What calls of higher priority waited for at most in 95 of 100, in calls at the quota's rate; where there are any. */
  readonly overtaken: number | undefined
  readonly report: TrafficReport
}

const { values: args } = parseArgs({
  options: {
    draws: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    worst: { type: "string", default: "10" },
    where: { type: "string", default: "" },
    only: { type: "string" },
    events: { type: "boolean", default: false },
    save: { type: "string" },
  },
})

const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 10_000 ? 2 : 0)
const shown = new Set(["limit-change", "gate-close", "gate-open", "throttle", "told-differently", "warning"])

function describe({ kinds, vendor, options }: RandomTraffic): string {
  const { shape, told, counts, rough, slots, wire } = kinds
  const { headers, retryAfter, chargeRefused } = vendor
  return [
    shape,
    `told ${told}`,
    counts,
    `${wire}, headers ${wire === "gemini" || wire === "bare" ? "none" : headers}`,
    `delays ${retryAfter}`,
    ...(chargeRefused ? ["refusals charged"] : []),
    ...(slots ? ["slots"] : []),
    ...rough,
    `limits ${JSON.stringify(vendor.limits)}`,
    `told ${JSON.stringify(options.told)}`,
  ].join(", ")
}

const { only } = args
if (only !== undefined) await printOne(Number(only))
else await printMany()

async function printOne(seed: number): Promise<void> {
  const draw = randomTraffic(seed)
  const onEvent = (event: SluiceEvent): void => {
    if (!args.events && !shown.has(event.type)) return
    console.log(JSON.stringify({ ...event, atMs: Math.round(event.atMs) }))
  }
  console.log(describe(draw))
  console.log(JSON.stringify({ shape: draw.shape, vendor: draw.vendor, options: draw.options }, undefined, 2))
  const { truth, ...report } = await simulate(draw.shape, draw.vendor, { ...draw.options, onEvent })
  const { perSecond: _seconds, ...counts } = truth
  console.log(JSON.stringify({ ...report, truth: counts }, undefined, 2))
}

async function printMany(): Promise<void> {
  const conditions = args.where.split(",").flatMap((part) => {
    const [name, value] = part.split("=")
    return name && value ? [[name, value] as const] : []
  })
  const first = Number(args.seed)
  if (args.save !== undefined) writeFileSync(args.save, "")
  const rows: Row[] = []
  const startedMs = performance.now()
  for (let seed = first; seed < first + Number(args.draws); seed++) {
    const draw = randomTraffic(seed)
    const { kinds } = draw
    const facts: Record<string, string> = {
      ...kinds,
      rough: kinds.rough.length > 0 ? "yes" : "no",
      slots: kinds.slots ? "yes" : "no",
    }
    if (conditions.some(([name, value]) => facts[name] !== value)) continue
    const report = await simulate(draw.shape, draw.vendor, draw.options)
    const p95 = report.addedMsByPriority[10]?.p95
    const overtaken = p95 === undefined ? undefined : (p95 * draw.admittedPerMinute) / 60_000
    rows.push({ seed, kinds, what: describe(draw), overtaken, report })
    if (args.save === undefined) continue
    const { truth: _truth, ...figures } = report
    appendFileSync(args.save, `${JSON.stringify({ seed, ...kinds, overtaken, ...figures })}\n`)
  }
  console.log(`${rows.length} draws in ${((performance.now() - startedMs) / 1000).toFixed(0)} s\n`)
  console.log(
    `${"".padEnd(24)} draws hangs unsettled lost leaks again | time/oracle p50   p90   p99 worst | refused/answered p50   p90   p99 worst | added p95, s: p50   p90   p99 worst`,
  )
  const groups: [string, (row: Row) => boolean][] = [
    ["all", () => true],
    ["clean", ({ kinds }) => kinds.rough.length === 0],
    ["rough", ({ kinds }) => kinds.rough.length > 0],
    ["told right, clean", ({ kinds }) => kinds.told === "right" && kinds.rough.length === 0],
    ...groupsBy(rows, "told", ({ kinds }) => kinds.told),
    ...groupsBy(rows, "counts", ({ kinds }) => kinds.counts),
    ...groupsBy(rows, "wire", ({ kinds }) => kinds.wire),
    ...groupsBy(rows, "rough", ({ kinds }) => kinds.rough.at(-1) ?? "no"),
    ...groupsBy(rows, "shape", ({ kinds }) => kinds.shape),
  ]
  for (const [name, belongs] of groups) printGroup(name, rows.filter(belongs))
  console.log("\nhigher priority beside a batch: p95 of the added wait")
  console.log(
    `${"".padEnd(24)} draws within one | in calls at the quota's rate: p50   p90 worst | in seconds: p50   p90 worst`,
  )
  for (const [name, belongs] of groups) printOvertaken(name, rows.filter(belongs))
  printWorst(rows)
}

function groupsBy(rows: readonly Row[], by: string, of: (row: Row) => string): [string, (row: Row) => boolean][] {
  return [...new Set(rows.map(of))].toSorted().map((value) => [`${by} ${value}`, (row) => of(row) === value])
}

function isLeaking({ report }: Row): boolean {
  return report.lostBy["unsettled"] === undefined && Object.values(report.left).some((count) => count !== 0)
}

function printGroup(name: string, rows: readonly Row[]): void {
  if (rows.length === 0) return
  const sum = (of: (row: Row) => number): string => String(rows.reduce((total, row) => total + of(row), 0))
  const spread = (of: (row: Row) => number, text: (value: number) => string): string => {
    const sorted = rows
      .map(of)
      .filter(Number.isFinite)
      .toSorted((a, b) => a - b)
    const at = (share: number): string => text(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN)
    return [at(0.5), at(0.9), at(0.99), at(1)].map((value) => value.padStart(6)).join("")
  }
  console.log(
    name.padEnd(24),
    String(rows.length).padStart(5),
    sum(({ report }) => (report.hungAtMs === undefined ? 0 : 1)).padStart(5),
    sum(({ report }) => (report.lostBy["unsettled"] ? 1 : 0)).padStart(9),
    sum(({ report }) => report.lost).padStart(4),
    sum((row) => (isLeaking(row) ? 1 : 0)).padStart(5),
    sum(({ report }) => report.repeated).padStart(5),
    "|",
    spread(
      ({ report }) => report.ratio,
      (value) => value.toFixed(2),
    ).padStart(29),
    "|",
    spread(
      ({ report }) => report.refusedRatio,
      (value) => value.toFixed(3),
    ).padStart(38),
    "|",
    spread(({ report }) => report.addedMs.p95, seconds).padStart(34),
  )
}

function printOvertaken(name: string, rows: readonly Row[]): void {
  const waits = rows.flatMap(({ overtaken, report }) =>
    overtaken === undefined ? [] : [{ calls: overtaken, s: report.addedMsByPriority[10]!.p95 / 1000 }],
  )
  if (waits.length === 0) return
  const spread = (values: readonly number[]): string => {
    const sorted = values.toSorted((a, b) => a - b)
    return [0.5, 0.9, 1].map((share) => sorted[Math.ceil(sorted.length * share) - 1]!.toFixed(1).padStart(6)).join("")
  }
  const within = waits.filter(({ calls }) => calls <= 1).length / waits.length
  console.log(
    name.padEnd(24),
    String(waits.length).padStart(5),
    `${Math.round(within * 100)} %`.padStart(10),
    "|",
    spread(waits.map(({ calls }) => calls)).padStart(45),
    "|",
    spread(waits.map(({ s }) => s)).padStart(27),
  )
}

function printWorst(rows: readonly Row[]): void {
  const lists: [string, (row: Row) => number, (row: Row) => string][] = [
    [
      "hung",
      ({ report }) => (report.hungAtMs === undefined ? 0 : 1),
      ({ report }) => `at ${seconds(report.hungAtMs ?? 0)} s`,
    ],
    [
      "lost",
      ({ report }) => report.lost,
      ({ report }) => `${report.lost} of ${report.calls}: ${JSON.stringify(report.lostBy)}`,
    ],
    ["left", (row) => (isLeaking(row) ? 1 : 0), ({ report }) => JSON.stringify(report.left)],
    ["slowest", ({ report }) => (report.ratio > 1 ? report.ratio : 0), ({ report }) => report.ratio.toFixed(2)],
    ["refused", ({ report }) => report.refusedRatio, ({ report }) => report.refusedRatio.toFixed(3)],
    ["added p95", ({ report }) => report.addedMs.p95, ({ report }) => `${seconds(report.addedMs.p95)} s`],
  ]
  for (const [name, of, text] of lists) {
    const worst = rows.filter((row) => of(row) > 0).toSorted((a, b) => of(b) - of(a))
    if (worst.length === 0) continue
    console.log(`\n${name}: ${worst.length} draws`)
    for (const row of worst.slice(0, Number(args.worst))) {
      console.log(String(row.seed).padStart(7), text(row), row.what)
    }
  }
}
