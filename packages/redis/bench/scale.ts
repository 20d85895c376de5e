/** `pnpm bench:scale`: real processes, real HTTP, a real Redis; writes `docs/benchmarks/scale.md`. Needs `redis-server` or `valkey-server`. */
import { writeFileSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { startVendor } from "@sluice/lab"
import { findServer, startServer } from "../test/redis-server.ts"
import { type FleetWorker, startWorker, type WorkerOptions } from "./fleet.ts"
import { type BatchSetting, measureBatches } from "./batches.ts"
import { serverCost } from "./server-cost.ts"

interface Setting {
  readonly title: string
  readonly processes: number
  readonly told: WorkerOptions["limits"]
  readonly headers: boolean
}

/** What the vendor grants: 50 calls a second, 10 s of them at once. */
const truth = { limit: 3_000, burst: 500 }
const right = { requestsPerMinute: { limit: truth.limit, kind: "bucket" as const, burst: truth.burst } }
const settings: readonly Setting[] = [
  { title: "4 processes, limit told", processes: 4, told: right, headers: true },
  { title: "16 processes, limit told", processes: 16, told: right, headers: true },
  {
    title: "4 processes, headers only (told twice too much)",
    processes: 4,
    told: { requestsPerMinute: 6_000 },
    headers: true,
  },
  {
    title: "4 processes, told twice too much, no headers",
    processes: 4,
    told: { requestsPerMinute: 6_000 },
    headers: false,
  },
  { title: "4 processes, nothing told, headers", processes: 4, told: {}, headers: true },
]
const batches: readonly BatchSetting[] = [
  { title: "batches, limit and its burst told", told: right, headers: true },
  { title: "batches, limit told", told: { requestsPerMinute: truth.limit }, headers: true },
  { title: "batches, limit told, no headers", told: { requestsPerMinute: truth.limit }, headers: false },
  { title: "batches, told twice too much, headers", told: { requestsPerMinute: 6_000 }, headers: true },
  { title: "batches, nothing told, headers", told: {}, headers: true },
  { title: "batches, nothing told, no headers", told: {}, headers: false },
]
const settleMs = 25_000
const measureMs = 20_000

const program = findServer()
if (program === undefined) process.exit(0)
const only = process.argv[2]
const rows: string[] = []
for (const setting of settings)
  if (only === undefined || setting.title.includes(only)) rows.push(await measure(setting))
const latency = { baseMs: 100, perOutputTokenMs: 0 }
const batchRows: string[] = []
for (const setting of batches)
  if (only === undefined || only === "batches" || setting.title.includes(only))
    batchRows.push(await measureBatches(program, { limits: { requests: truth }, latency }, setting))
if (only === undefined) {
  const text = report(rows, await serverCost(program))
  writeFileSync(path.join(import.meta.dirname, "../../../docs/benchmarks/scale.md"), text)
}

async function measure({ title, processes, told, headers }: Setting): Promise<string> {
  const redis = await startServer(program!)
  const vendor = await startVendor({
    limits: { requests: truth },
    latency: { baseMs: 100, perOutputTokenMs: 0 },
    headers: headers ? "openai" : "none",
    retryAfter: headers ? "exact" : "none",
  })
  const options: WorkerOptions = {
    redisUrl: redis.url,
    vendorUrl: vendor.url,
    callers: Math.ceil(160 / processes),
    limits: told,
  }
  const workers: FleetWorker[] = []
  for (let each = 0; each < processes; each++) workers.push(await startWorker(options))
  await sleep(settleMs)
  const [early, counts] = [vendor.stats(), await done(workers)]
  await sleep(measureMs)
  const [late, after] = [vendor.stats(), await done(workers)]
  await Promise.all(workers.map((worker) => worker.stop()))
  await vendor.stop()
  await redis.stop()
  const served = late.arrived - late.refused - early.arrived + early.refused
  const each = after.map((count, at) => count - counts[at]!)
  const mean = each.reduce((a, b) => a + b, 0) / each.length
  const spread = Math.max(...each.map((count) => Math.abs(count / mean - 1)))
  const used = served / ((truth.limit * measureMs) / 60_000)
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  const line = `| ${title} | ${percent(used)} | ${late.refused - early.refused} | ${early.refused} | ±${percent(spread)} |`
  process.stdout.write(`${line}\n`)
  return line
}

function report(lines: readonly string[], cost: readonly string[]): string {
  return `# Scale out

Several processes behind one quota of ${truth.limit} requests a minute (${truth.burst} at once), each with calls waiting without end: real processes, real HTTP, a real Redis on one machine with ${availableParallelism()} cores
(load average ${loadavg()[0]!.toFixed(1)} while this ran: what else ran there is in the figures). Written by \`pnpm bench:scale\`.

| setting | used, over ${measureMs / 1_000} s after the first ${settleMs / 1_000} s | refused in these | refused before | calls per process |
|---|---|---|---|---|
${lines.join("\n")}

## What a turn costs the server

${cost.join("\n")}
`
}

async function done(workers: readonly FleetWorker[]): Promise<number[]> {
  return Promise.all(workers.map(async (worker) => (await worker.report()).done))
}
