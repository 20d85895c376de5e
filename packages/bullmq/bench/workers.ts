/** `pnpm bench:workers [ITEMS]`: what spreading items over worker processes costs; writes `docs/benchmarks/workers.md`. Needs `redis-server` or `valkey-server`. */
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, loadavg, tmpdir } from "node:os"
import path from "node:path"
import { bullExecutor } from "@sluice/bullmq"
import { openJournal } from "@sluice/journal"
import { Redis } from "ioredis"
import { findServer, startServer } from "../../redis/test/redis-server.ts"
import { noOpFlow, type NoOpShared } from "./no-op-flow.ts"

const program = findServer()
if (program === undefined) process.exit(0)
// A process of its own for each row: a peak of memory is a process's.
if (process.env["SLUICE_ROW"] === undefined) await measureAll(Number(process.argv[2] ?? 1_000_000))
else await measure(JSON.parse(process.env["SLUICE_ROW"]) as Row)

interface Row {
  readonly title: string
  readonly items: number
  readonly workers: number
  readonly chunk?: number
  readonly journal?: boolean
}

async function measureAll(items: number): Promise<void> {
  const few = Math.ceil(items / 50)
  const rows: Row[] = [
    { title: "one item to a job", items: few, workers: 4, chunk: 1 },
    { title: "`chunk: 100`", items: few * 5, workers: 4, chunk: 100 },
    { title: "`chunk: 100`, with a journal", items: few * 5, workers: 4, chunk: 100, journal: true },
    { title: '`chunk: "auto"`', items, workers: 4 },
  ]
  const lines: string[] = []
  for (const row of rows) lines.push(await rowOf(row))
  const text = `# Workers

Items that are nothing, done by worker processes over BullMQ: what is left is what spreading them costs. Coordinator, four workers and Redis shared one machine with ${availableParallelism()} cores
(load average ${loadavg()[0]!.toFixed(1)} at the end: what else ran there is in the figures). Written by \`pnpm bench:workers\`.

| jobs | items | items/s | coordinator, peak | Redis, peak |
|---|---|---|---|---|
${lines.join("\n")}
`
  if (process.argv[2] === undefined)
    writeFileSync(path.join(import.meta.dirname, "../../../docs/benchmarks/workers.md"), text)
}

async function rowOf(row: Row): Promise<string> {
  const child = start("workers.ts", { SLUICE_ROW: JSON.stringify(row) })
  const line = await new Promise<string>((resolve, reject) => {
    child.once("message", (message) => resolve(message as string))
    child.once("exit", () => reject(new Error("The coordinator ended.")))
  })
  process.stdout.write(`${line}\n`)
  return line
}

async function measure({ title, items, workers: count, chunk, journal: keeps }: Row): Promise<void> {
  const server = await startServer(program!)
  const workers = Array.from({ length: count }, () => start("no-op-worker.ts", { SLUICE_REDIS: server.url }))
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))))
  const app = noOpFlow()
  const executor = bullExecutor(app, { connection: { url: server.url }, ...(chunk !== undefined && { chunk }) })
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-workers-"))
  const journal = keeps ? openJournal({ path: path.join(folder, "runs.db") }) : undefined
  const shared: NoOpShared = { count: items }
  const fromMs = performance.now()
  await app.run(shared, { executor, runId: "bench", ...(journal && { journal }) })
  const seconds = (performance.now() - fromMs) / 1_000
  if (shared.ok !== items) throw new Error(`${shared.ok} of ${items} items came back.`)
  const redis = new Redis(server.url)
  const peak = Number(/used_memory_peak:(\d+)/.exec(await redis.info("memory"))![1])
  redis.disconnect()
  await executor.close()
  await journal?.close()
  // They say goodbye to it.
  const gone = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)))
  for (const worker of workers) worker.disconnect()
  await Promise.all(gone)
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
  const own = process.resourceUsage().maxRSS / 1_024
  const number = (value: number): string => Math.round(value).toLocaleString("en-US")
  const line = `| ${title} | ${number(items)} | ${number(items / seconds)} | ${number(own)} MB | ${number(peak / 1e6)} MB |`
  process.send!(line, () => process.exit(0))
}

function start(file: string, env: Readonly<Record<string, string>>): ChildProcess {
  return fork(path.join(import.meta.dirname, file), {
    execArgv: ["--conditions=@sluice/source"],
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  })
}
