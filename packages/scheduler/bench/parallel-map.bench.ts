// Time, processor time and memory of a large batch of no-ops, every contestant in turn in one process, several rounds.
// On a busy machine read the processor time.
// node --expose-gc --conditions=@sluice/source packages/scheduler/bench/parallel-map.bench.ts [items] [rounds]
import pLimit from "p-limit"
import pMap from "p-map"
import { parallelMap } from "../src/map/parallel-map.ts"
import { createQuota } from "../src/quota/create-quota.ts"
import type { Quota } from "../src/quota/quota.ts"
import { semaphore } from "../src/limiters/semaphore.ts"

const items = Number(process.argv[2] ?? 1_000_000)
const rounds = Number(process.argv[3] ?? 5)
const workers = 100

function* source(): Generator<number> {
  for (let i = 0; i < items; i++) yield i
}
async function* asyncSource(): AsyncGenerator<number> {
  for (let i = 0; i < items; i++) yield i
}
let isWeighing = false
let peak = 0
const fn = async (item: number): Promise<number> => {
  // What is alive, from inside the work: a timer would not fire before all of it is done, and garbage is not growth.
  if (isWeighing && item % 50_000 === 0) {
    globalThis.gc?.()
    peak = Math.max(peak, process.memoryUsage().heapUsed)
  }
  return item + 1
}

const huge = { limit: 1e12, kind: "bucket" } as const
const cost = { inputTokens: 5, outputTokens: 5 }
const fourDimensions = (): Quota =>
  createQuota({
    concurrency: workers,
    requestsPerMinute: huge,
    inputTokensPerMinute: huge,
    outputTokensPerMinute: huge,
  })

async function drain(outcomes: AsyncIterable<{ readonly status: string }>): Promise<number> {
  let count = 0
  for await (const outcome of outcomes) if (outcome.status === "ok") count++
  return count
}

const contestants: Record<string, () => Promise<number>> = {
  "bare loop of workers": async () => {
    const iterator = source()
    let count = 0
    const work = async (): Promise<void> => {
      for (const item of iterator) {
        await fn(item)
        count++
      }
    }
    await Promise.all(Array.from({ length: workers }, work))
    return count
  },
  parallelMap: () => drain(parallelMap(source(), fn, { concurrency: workers })),
  "parallelMap, completion": () => drain(parallelMap(source(), fn, { concurrency: workers, order: "completion" })),
  "parallelMap, auto": () => drain(parallelMap(source(), fn, { concurrency: "auto" })),
  "parallelMap, async source": () => drain(parallelMap(asyncSource(), fn, { concurrency: workers })),
  "parallelMap, semaphore": () =>
    drain(parallelMap(source(), fn, { concurrency: workers, limiter: semaphore({ limit: workers }) })),
  "parallelMap, quota": () =>
    drain(parallelMap(source(), fn, { concurrency: workers, limiter: createQuota({ concurrency: workers }) })),
  "parallelMap, four dimensions": () =>
    drain(parallelMap(source(), fn, { concurrency: workers, limiter: fourDimensions(), cost: () => cost })),
  "parallelMap, retry": () => drain(parallelMap(source(), fn, { concurrency: workers, retry: { maxAttempts: 3 } })),
  "p-map (keeps all results)": async () => (await pMap(source(), fn, { concurrency: workers })).length,
  "p-limit fed by a pull loop": async () => {
    const limit = pLimit(workers)
    const iterator = source()
    let count = 0
    const pull = async (): Promise<void> => {
      for (const item of iterator) {
        await limit(fn, item)
        count++
      }
    }
    await Promise.all(Array.from({ length: workers }, pull))
    return count
  },
}

const times = new Map<string, number[]>()
const cpuTimes = new Map<string, number[]>()
const growths = new Map<string, number>()
// The first round weighs, and is not timed.
for (let round = 0; round <= rounds; round++) {
  isWeighing = round === 0
  for (const [name, run] of Object.entries(contestants)) {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    peak = before
    const cpuBefore = process.cpuUsage()
    const startedAt = performance.now()
    const count = await run()
    const perItemUs = ((performance.now() - startedAt) * 1_000) / items
    const cpu = process.cpuUsage(cpuBefore)
    if (count !== items) throw new Error(`${name}: ${count} of ${items}`)
    if (isWeighing) growths.set(name, peak - before)
    else {
      times.set(name, [...(times.get(name) ?? []), perItemUs])
      cpuTimes.set(name, [...(cpuTimes.get(name) ?? []), (cpu.user + cpu.system) / items])
    }
  }
}

function spread(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b)
  return `${sorted[sorted.length >> 1]!.toFixed(2)} (${sorted[0]!.toFixed(2)}–${sorted.at(-1)!.toFixed(2)})`
}

for (const [name, all] of times) {
  const megabytes = (growths.get(name)! / 2 ** 20).toFixed(1)
  process.stdout.write(
    `${name.padEnd(28)} ${spread(all)} µs an item, processor ${spread(cpuTimes.get(name)!)}, alive +${megabytes} MB\n`,
  )
}
