import { createQuota } from "@sluice/scheduler"
import type { Measure, Run } from "./contestant.ts"

const cost = { requests: 1, inputTokens: 500, outputTokens: 150 }
const fn = async (): Promise<void> => {}
const plenty = 1e12
const limits = {
  requestsPerMinute: { limit: plenty, kind: "bucket" },
  inputTokensPerMinute: { limit: plenty, kind: "bucket" },
  outputTokensPerMinute: { limit: plenty, kind: "bucket" },
  concurrency: 1_000,
} as const
/**
 * One for all rounds, as a program has one. Where none lives from one garbage collection to the next, V8 forgets the shape of its
 * objects with all that was compiled for them, and from the second time on compiles it worse: 2.2 µs a permit instead of 0.7.
 */
const quota = createQuota(limits)

function repeated(items: number, one: () => Promise<unknown>): Run {
  return async () => {
    for (let i = 0; i < items; i++) await one()
    return items
  }
}

export const admission: Measure = {
  title: "Admission that nobody contends for",
  what: "An item asks for leave, does nothing and gives it back, one after the other. sluice checks four dimensions (requests, input tokens, output tokens, calls at once), and is one quota for all rounds; the others one or two.",
  contestants: [
    { name: "bare await", prepare: (items) => repeated(items, fn) },
    {
      name: "sluice quota, tryAdmit + settle",
      prepare: (items) => async () => {
        let count = 0
        for (let i = 0; i < items; i++) {
          const permit = quota.tryAdmit(cost)
          permit?.settle({ outcome: "success", actual: cost })
          if (permit) count++
        }
        return count
      },
    },
    {
      name: "sluice quota, admit + settle",
      prepare(items) {
        return repeated(items, async () => (await quota.admit(cost)).settle({ outcome: "success", actual: cost }))
      },
    },
    {
      name: "p-limit (calls at once only)",
      package: "p-limit",
      async prepare(items) {
        const { default: pLimit } = await import("p-limit")
        const limit = pLimit(1_000)
        return repeated(items, () => limit(fn))
      },
    },
    {
      name: "p-queue (requests, calls at once)",
      package: "p-queue",
      async prepare(items) {
        const { default: PQueue } = await import("p-queue")
        const queue = new PQueue({ concurrency: 1_000, interval: 60_000, intervalCap: plenty })
        return repeated(items, () => queue.add(fn))
      },
    },
    {
      name: "Effect semaphore (calls at once only)",
      package: "effect",
      async prepare(items) {
        const { Effect, Semaphore } = await import("effect")
        const one = Semaphore.makeUnsafe(1_000).withPermits(1)(Effect.promise(fn))
        return async () => {
          await Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < items; i++) yield* one
            }),
          )
          return items
        }
      },
    },
    {
      name: "Bottleneck (one reservoir, calls at once)",
      package: "bottleneck",
      most: 1_000,
      async prepare(items) {
        const { default: Bottleneck } = await import("bottleneck")
        const limiter = new Bottleneck({ maxConcurrent: 1_000, reservoir: plenty })
        return repeated(items, () => limiter.schedule({ weight: 1 }, fn))
      },
    },
  ],
}
