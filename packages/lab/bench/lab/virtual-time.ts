import { createQuota, parallelMap } from "@sluice/scheduler"
import { createVirtualVendor, seededRandom, VirtualClock } from "../../src/index.ts"
import { callThrough } from "../../src/scenarios/limiter-contestant.ts"
import type { Section } from "./section.ts"

const perMinute = 500

/** How long an hour and a day of traffic take on the virtual clock: the real scheduler against the virtual vendor. */
export async function virtualTime(): Promise<Section> {
  const lines: string[] = []
  const missed: string[] = []
  for (const hours of [1, 24]) {
    const { tookMs, lastMs, answered, refused } = await traffic(hours)
    const seconds = tookMs / 1_000
    lines.push(`| ${(lastMs / 3_600_000).toFixed(2)} h | ${answered} | ${refused} | ${seconds.toFixed(1)} s |`)
    if (hours === 1 && seconds > 2) missed.push(`an hour of traffic took ${seconds.toFixed(1)} s, about one is wanted`)
  }
  return {
    title: "Virtual time",
    text: [
      `${perMinute} calls a minute through \`parallelMap\` and a quota, against the virtual vendor.`,
      "",
      "| traffic | answered | refused | took |",
      "|---:|---:|---:|---:|",
      ...lines,
    ],
    missed,
  }
}

interface Traffic {
  readonly tookMs: number
  readonly lastMs: number
  readonly answered: number
  readonly refused: number
}

async function traffic(hours: number): Promise<Traffic> {
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
  const calls = Array.from({ length: perMinute * 60 * hours }, (_, id) => ({
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
  const tookMs = performance.now() - startedMs
  const { answered, refused } = vendor.truth()
  return { tookMs, lastMs: clock.now(), answered, refused }
}
