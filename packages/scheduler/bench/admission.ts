/**
 * What admission costs: admit + settle over four dimensions, a waiter's memory, the abort of a million waiters, a million items
 * through 100 workers. Contestants take turns in one process; medians of processor time, with spread.
 *
 *   node --expose-gc --conditions=@sluice/source packages/scheduler/bench/admission.ts
 */
import pLimit from "p-limit"
import { createQuota, parallelMap, type Quota } from "../src/index.ts"

const huge = { limit: 1e12, kind: "bucket" } as const
const cost = { inputTokens: 5, outputTokens: 5 }

function fourDimensions(): Quota {
  return createQuota({
    concurrency: 100,
    requestsPerMinute: huge,
    inputTokensPerMinute: huge,
    outputTokensPerMinute: huge,
  })
}

async function timed(count: number, run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

function report(name: string, micros: readonly number[]): void {
  const sorted = [...micros].sort((a, b) => a - b)
  const [low, median, high] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!].map((one) => one.toFixed(2))
  console.log(`${name.padEnd(52)} ${median} µs (${low} to ${high})`)
}

async function workers(count: number, items: number, run: () => Promise<void>): Promise<void> {
  let left = items
  const worker = async (): Promise<void> => {
    while (left-- > 0) await run()
  }
  await Promise.all(Array.from({ length: count }, worker))
}

const rounds = 7
const results = new Map<string, number[]>()
const note = (name: string, value: number): void => void results.set(name, [...(results.get(name) ?? []), value])
for (let round = 0; round < rounds; round++) {
  const quota = fourDimensions()
  note(
    "admit + settle, four dimensions, uncontended",
    await timed(200_000, async () => {
      for (let i = 0; i < 200_000; i++) (await quota.admit(cost)).settle({ outcome: "success" })
    }),
  )
  note(
    "tryAdmit + settle, four dimensions, uncontended",
    await timed(200_000, async () => {
      for (let i = 0; i < 200_000; i++) quota.tryAdmit(cost)!.settle({ outcome: "success" })
    }),
  )
  const items = 300_000
  note(
    "an item: 100 workers pulling through the quota",
    await timed(items, async () => {
      await workers(100, items, async () => {
        const permit = await quota.admit(cost)
        await Promise.resolve()
        permit.settle({ outcome: "success" })
      })
    }),
  )
  const limit = pLimit(100)
  note(
    "an item: p-limit, fed by 100 pulling workers",
    await timed(items, async () => {
      await workers(100, items, async () => await limit(async () => await Promise.resolve()))
    }),
  )
  note(
    "an item: parallelMap at 100 with the quota as limiter",
    await timed(items, async () => {
      const numbers = (function* () {
        for (let i = 0; i < items; i++) yield i
      })()
      let seen = 0
      for await (const outcome of parallelMap(numbers, async (n) => await Promise.resolve(n), {
        concurrency: 100,
        limiter: quota,
        cost: () => cost,
      })) {
        seen += outcome.attempts
      }
      if (seen !== items) throw new Error(`${seen} of ${items}`)
    }),
  )
}
for (const [name, micros] of results) report(name, micros)

const collect = (globalThis as { gc?: () => void }).gc
if (collect) {
  const quota = createQuota({ concurrency: 1, maxQueue: Infinity })
  await quota.admit()
  const controller = new AbortController()
  const count = 1_000_000
  const waiters = new Array<Promise<unknown>>(count)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < count; i++) waiters[i] = quota.admit(cost, { signal: controller.signal })
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  const all = Promise.allSettled(waiters)
  const used = process.cpuUsage()
  controller.abort(new Error("enough"))
  const cpuMs = process.cpuUsage(used).user / 1_000
  await all
  console.log(`a waiter: ${bytes.toFixed(0)} bytes; 1,000,000 waiters aborted in ${cpuMs.toFixed(0)} ms of CPU`)
}
