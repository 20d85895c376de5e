/**
 * This scheduler against vendors drawn at random, under the virtual clock: how far from the oracle's time and how often refused, in
 * the median, in the worst tenth, and the worst of all.
 *
 *   node --conditions=@sluice/source packages/scheduler/bench/random-vendors.ts [from] [to] [--events] [--worst=20]
 */
import type { SluiceEvent } from "@sluice/core"
import { limiterContestant, randomScenario, runScenario } from "@sluice/lab"
import { createQuota } from "../src/index.ts"

const args = process.argv.slice(2)
const [from = 1, to = 400] = args.filter((arg) => !arg.startsWith("--")).map(Number)
const worst = Number(args.find((arg) => arg.startsWith("--worst="))?.slice("--worst=".length) ?? 20)
const shown = new Set(["limit-change", "gate-close", "gate-open"])

function print(event: SluiceEvent): void {
  if (shown.has(event.type)) console.log(JSON.stringify({ ...event, atMs: Math.round(event.atMs) }))
}

const ours = limiterContestant(({ told, clock, random }) =>
  createQuota({ ...told, clock, random, ...(args.includes("--events") && { onEvent: print }) }),
)

interface Row {
  readonly seed: number
  readonly told: string
  readonly what: string
  readonly ratio: number
  readonly refused: number
  readonly lost: number
}

const rows: Row[] = []
for (let seed = from; seed <= to; seed++) {
  const { scenario, told, network } = randomScenario(seed)
  const { ratio, refusedRatio, lost } = await runScenario(scenario, ours, { seed, ...network })
  // What can never be done says nothing.
  if (!Number.isFinite(ratio)) continue
  const { headers, retryAfter, limits, coTenants, faults } = scenario.vendor
  const extras = [limits?.concurrency && "slots", coTenants && "co-tenant", faults && "faults"].filter(Boolean)
  const what = [scenario.title, `headers ${headers}`, `delays ${retryAfter}`, ...extras].join(", ")
  rows.push({ seed, told, what, ratio, refused: refusedRatio, lost })
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
const at = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN

console.log("told       vendors  time / oracle: median  90 %   worst   refused: median     90 %     worst   lost")
for (const told of ["right", "requests", "threefold", "nothing"]) {
  const group = rows.filter((row) => row.told === told)
  const ratios = group.map((row) => row.ratio)
  const refused = group.map((row) => row.refused)
  console.log(
    told.padEnd(10),
    String(group.length).padStart(7),
    ...[0.5, 0.9, 1].map((share, column) => at(ratios, share).toFixed(3).padStart([22, 7, 7][column]!)),
    ...[0.5, 0.9, 1].map((share, column) => percent(at(refused, share)).padStart([17, 8, 9][column]!)),
    String(group.reduce((sum, row) => sum + row.lost, 0)).padStart(6),
  )
}
console.log(`\nthe slowest ${worst}`)
for (const row of [...rows].sort((a, b) => b.ratio - a.ratio).slice(0, worst)) {
  console.log(String(row.seed).padStart(5), row.ratio.toFixed(3), percent(row.refused).padStart(9), row.what)
}
