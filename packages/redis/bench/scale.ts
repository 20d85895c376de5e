/**
 * `pnpm bench:scale [steady|batches|cost]`: real processes, real HTTP, a real Redis; writes `docs/benchmarks/scale.md`, or that part of it.
 * Needs `redis-server` or `valkey-server`.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, getPriority, loadavg } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { startVendor } from "@sluice/lab"
import { findServer, startServer } from "../test/redis-server.ts"
import { type FleetWorker, startWorker, type WorkerOptions } from "./fleet.ts"
import { type BatchSetting, callsEach, measureBatches } from "./batches.ts"
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
    title: "16 processes, headers only (told twice too much)",
    processes: 16,
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
  { title: "16 processes, nothing told, headers", processes: 16, told: {}, headers: true },
  { title: "4 processes, nothing told, no headers", processes: 4, told: {}, headers: false },
  { title: "16 processes, nothing told, no headers", processes: 16, told: {}, headers: false },
]
const batches: readonly BatchSetting[] = [
  { title: "limit and its burst told", told: right, headers: true },
  { title: "limit told", told: { requestsPerMinute: truth.limit }, headers: true },
  { title: "limit told, no headers", told: { requestsPerMinute: truth.limit }, headers: false },
  { title: "told twice too much, headers", told: { requestsPerMinute: 6_000 }, headers: true },
  { title: "nothing told, headers", told: {}, headers: true },
  { title: "nothing told, no headers", told: {}, headers: false },
]
const head = `# Scale out

Several processes behind one quota of ${truth.limit} requests a minute (${truth.burst} at once): real processes, real HTTP, a real Redis on one machine with ${availableParallelism()} cores.
What else ran there is in the figures. Written by \`pnpm bench:scale\`.
`
const settleMs = 25_000
const measureMs = 20_000

const program = findServer()
if (program === undefined) process.exit(0)
const file = path.join(import.meta.dirname, "../../../docs/benchmarks/scale.md")
const latency = { baseMs: 100, perOutputTokenMs: 0 }
const only = process.argv[2]
if (only === undefined || only === "steady") {
  const rows: string[] = []
  for (const setting of settings) rows.push(await measure(setting))
  write(
    "Always more to send",
    `Calls wait without end in each of them.

| setting | used, over ${measureMs / 1_000} s after the first ${settleMs / 1_000} s | refused in these | refused before | calls per process |
|---|---|---|---|---|
${rows.join("\n")}`,
  )
}
if (only === undefined || only === "batches") {
  const rows: string[] = []
  for (const setting of batches)
    rows.push(await measureBatches(program, { limits: { requests: truth }, latency }, setting))
  write(
    "A batch each",
    `Four processes begin at once with ${callsEach} calls each, all of which wait from the first moment on. The oracle knows everything, begins with the same full bucket and sends each call at the first moment at which the vendor admits it.

| setting | time / oracle | time of the least | calls refused | calls lost |
|---|---|---|---|---|
${rows.join("\n")}`,
  )
}
if (only === undefined || only === "cost") write("What a turn costs the server", (await serverCost(program)).join("\n"))

/** In place of the part of the page that has this heading. */
function write(heading: string, text: string): void {
  const load = loadavg()[0]!.toFixed(1)
  const part = `## ${heading}\n\n${text}\n\nLoad average ${load} while this ran, at priority ${getPriority()} (nice).\n`
  const [, ...parts] = readFileSync(file, "utf8").split(/^(?=## )/m)
  const others = parts.map((each) => `${each.trimEnd()}\n`)
  const at = others.findIndex((each) => each.startsWith(`## ${heading}\n`))
  if (at >= 0) others[at] = part
  else others.push(part)
  writeFileSync(file, [head, ...others].join("\n"))
}

async function measure({ title, processes, told, headers }: Setting): Promise<string> {
  const redis = await startServer(program!)
  const vendor = await startVendor({
    limits: { requests: truth },
    latency,
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

async function done(workers: readonly FleetWorker[]): Promise<number[]> {
  return Promise.all(workers.map(async (worker) => (await worker.report()).done))
}
