import { setTimeout as sleep } from "node:timers/promises"
import { startVendor } from "@sluice/lab"
import { Redis } from "ioredis"
import { onTestFinished } from "vitest"
import { type FleetWorker, startWorker, type WorkerOptions } from "../../bench/fleet.ts"
import { type RedisServer, startServer } from "../redis-server.ts"
import { findOwnServer } from "../suite-server.ts"

// Its tests stop, fill and replace their server.
export const program: string | undefined = findOwnServer()

/** Calls a second, and at once. */
export const [rate, burst] = [20, 40]

/** Stops it when the test has ended, what was begun last first. */
export function ending<T extends { stop(): Promise<void> }>(what: T): T {
  onTestFinished(() => what.stop())
  return what
}

export async function serverOf(...options: string[]): Promise<RedisServer> {
  return ending(await startServer(program!, ...options))
}

export function clientOf(url: string): Redis {
  const client = new Redis(url)
  client.on("error", () => {})
  onTestFinished(() => client.disconnect())
  return client
}

export interface Fleet {
  readonly vendor: Awaited<ReturnType<typeof startVendor>>
  readonly workers: readonly FleetWorker[]
  /** What the vendor saw over so long: the share of the rate, and refusals. */
  readonly over: (ms: number) => Promise<{ used: number; refused: number }>
  /** What the processes were told, each text with its code first. */
  readonly warnings: () => Promise<string[]>
}

/** Processes that always have calls waiting, once they use the whole rate. */
export async function fleetOf(count: number, redisUrl: string, more: Partial<WorkerOptions> = {}): Promise<Fleet> {
  const vendor = ending(
    await startVendor({
      limits: { requests: { limit: 60 * rate, burst } },
      latency: { baseMs: 50, perOutputTokenMs: 0 },
    }),
  )
  const options: WorkerOptions = {
    redisUrl,
    vendorUrl: vendor.url,
    callers: 20,
    limits: { requestsPerMinute: { limit: 60 * rate, kind: "bucket", burst } },
    ...more,
  }
  const workers: FleetWorker[] = []
  for (let at = 0; at < count; at++)
    workers.push(ending(await startWorker({ ...options, client: at % 2 === 0 ? "ioredis" : "redis" })))
  await sleep(4_000)
  return {
    vendor,
    workers,
    async over(ms) {
      const before = vendor.stats()
      await sleep(ms)
      const after = vendor.stats()
      const refused = after.refused - before.refused
      return { used: (after.arrived - before.arrived - refused) / ((rate * ms) / 1_000), refused }
    },
    async warnings() {
      const reports = await Promise.all(workers.map((worker) => worker.report()))
      return reports.flatMap(({ warnings }) => warnings)
    },
  }
}

/** With `SLUICE_FIGURES=1`: what the table of docs/scale-out.md says. */
export function tell(title: string, figures: object): void {
  if (process.env["SLUICE_FIGURES"]) process.stderr.write(`${title}: ${JSON.stringify(figures)}\n`)
}
