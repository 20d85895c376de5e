import { oracle, startVendor, type VendorCall, type VendorOptions } from "@sluice/lab"
import { startServer } from "../test/redis-server.ts"
import { startWorker, type WorkerOptions } from "./fleet.ts"

export interface BatchSetting {
  readonly title: string
  readonly told: WorkerOptions["limits"]
  readonly headers: boolean
}

const processes = 4
export const callsEach = 600

/** Processes that each have a batch, all begun at once; against the least time in which the same vendor can serve them all. */
export async function measureBatches(
  program: string,
  vendorOptions: VendorOptions,
  { title, told, headers }: BatchSetting,
): Promise<string> {
  const redis = await startServer(program)
  const options: VendorOptions = {
    ...vendorOptions,
    headers: headers ? "openai" : "none",
    retryAfter: headers ? "exact" : "none",
  }
  const vendor = await startVendor(options)
  const workers = await Promise.all(
    Array.from({ length: processes }, () =>
      startWorker({
        redisUrl: redis.url,
        vendorUrl: vendor.url,
        callers: callsEach,
        calls: callsEach,
        limits: told,
      }),
    ),
  )
  const fromMs = performance.now()
  const times = await Promise.all(
    workers.map(async (worker) => ({ ...(await worker.batch()), ms: performance.now() - fromMs })),
  )
  const tookMs = Math.max(...times.map(({ ms }) => ms))
  const { arrived, refused } = vendor.stats()
  await Promise.all(workers.map((worker) => worker.stop()))
  await vendor.stop()
  await redis.stop()
  const failed = times.reduce((sum, each) => sum + each.failed, 0)
  const calls: VendorCall[] = Array.from({ length: processes * callsEach }, () => ({
    inputTokens: 1,
    outputTokens: 16,
  }))
  const leastMs = oracle(calls, { ...options, networkMs: 0 }).timeMs
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const line = `| ${title} | ${(tookMs / leastMs).toFixed(2)} | ${seconds(tookMs)} of ${seconds(leastMs)} | ${refused} of ${arrived} | ${failed} |`
  process.stdout.write(`${line}\n`)
  return line
}
