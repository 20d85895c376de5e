/**
 * How long an hour and a day of traffic take on the virtual clock: the real scheduler against the virtual vendor.
 *
 *   node --conditions=@sluice/source packages/lab/bench/virtual-time.ts
 */
import { createQuota, parallelMap } from "@sluice/scheduler"
import { createVirtualVendor, seededRandom, VirtualClock } from "../src/index.ts"
import { callThrough } from "../src/scenarios/limiter-contestant.ts"
import { machineLine } from "./machine.ts"

const perMinute = 500

async function traffic(minutes: number): Promise<string> {
  const clock = new VirtualClock({ settles: "promises" })
  const random = seededRandom(1)
  const vendor = createVirtualVendor({ clock, limits: { requests: perMinute, tokens: 400_000 } })
  const quota = createQuota({
    requestsPerMinute: { limit: perMinute, kind: "bucket" },
    tokensPerMinute: { limit: 400_000, kind: "bucket" },
    clock,
    random,
  })
  const env = { clock, random, chargesMaxTokens: false, call: vendor.call }
  const calls = Array.from({ length: perMinute * minutes }, (_, id) => ({
    id: String(id),
    inputTokens: 400,
    outputTokens: 150,
  }))
  const outcomes = parallelMap(calls, async (call) => await callThrough(quota, env, call), {
    concurrency: "auto",
    order: "completion",
    clock,
    random,
  })
  const startedMs = performance.now()
  await clock.run(
    (async () => {
      for await (const outcome of outcomes) if (outcome.status === "failed") throw outcome.error
    })(),
  )
  const tookS = (performance.now() - startedMs) / 1_000
  const { answered, refused } = vendor.truth()
  const hours = clock.now() / 3_600_000
  return `${hours.toFixed(2)} h of traffic, ${answered} answered, ${refused} refused: ${tookS.toFixed(1)} s`
}

process.stdout.write(`${machineLine()}\n`)
for (const minutes of [60, 1_440]) process.stdout.write(`${await traffic(minutes)}\n`)
