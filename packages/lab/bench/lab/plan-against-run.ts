import { fork } from "node:child_process"
import { once } from "node:events"
import { limitedFetch } from "@sluice/providers"
import { parallelMap, type QuotaLimits, type RateOptions } from "@sluice/scheduler"
import {
  type AnswerRequest,
  lognormal,
  plan,
  type PlanOptions,
  seededRandom,
  startVendor,
  type VendorLimits,
} from "../../src/index.ts"
import { vendorOfLimits } from "../../src/plan/vendor-of-limits.ts"
import { answerTo, callIdOf, promptOf } from "../quota/bench-scenario.ts"
import type { Section } from "./section.ts"

interface Job {
  readonly name: string
  readonly calls: readonly { readonly inputTokens: number; readonly outputTokens: number }[]
  readonly limits: Pick<QuotaLimits, "requestsPerMinute" | "tokensPerMinute">
  readonly latency: NonNullable<PlanOptions["latency"]>
}

const MODEL = "lab-small"
const latency = { baseMs: 150, perOutputTokenMs: 2 }

function sizes(count: number, sigma: number): Job["calls"] {
  const random = seededRandom(7)
  return Array.from({ length: count }, () => ({
    inputTokens: Math.max(20, Math.min(4_000, Math.round(lognormal(random, 400, sigma)))),
    outputTokens: Math.max(1, Math.min(600, Math.round(lognormal(random, 80, sigma)))),
  }))
}

const bucket = (limit: number): RateOptions => ({ limit, kind: "bucket" })

const jobs: readonly Job[] = [
  { name: "requests bind", calls: sizes(400, 0), limits: { requestsPerMinute: bucket(300) }, latency },
  { name: "tokens bind, uneven sizes", calls: sizes(500, 0.8), limits: { tokensPerMinute: bucket(240_000) }, latency },
  {
    name: "both, near each other",
    calls: sizes(500, 0.8),
    limits: { requestsPerMinute: bucket(400), tokensPerMinute: bucket(280_000) },
    latency,
  },
  // The plan takes a bare number for a bucket that stands ready; the run has to find that out.
  { name: "a bare number of tokens", calls: sizes(500, 0.8), limits: { tokensPerMinute: 240_000 }, latency },
]

const ALLOWED_PERCENT = 5

// The vendor runs in a process of its own.
if (process.send) process.once("message", (order: Order) => void serve(order))

/** What `plan()` predicted against what a run over real HTTP then took: limitedFetch and parallelMap against the lab's server. */
export async function planAgainstRun(): Promise<Section> {
  const lines: string[] = []
  const missed: string[] = []
  for (const { name, calls, limits, latency: model } of jobs) {
    const { online } = await plan({ calls, limits, latency: model, networkMs: 1 })
    const { timeMs, refused } = await measured({ calls, limits, latency: model })
    const off = (100 * (online.timeMs - timeMs)) / timeMs
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
    lines.push(
      `| ${[name, calls.length, seconds(online.timeMs), seconds(timeMs), `${off.toFixed(1)} %`, refused].join(" | ")} |`,
    )
    if (Math.abs(off) > ALLOWED_PERCENT)
      missed.push(`the plan of "${name}" was ${off.toFixed(1)} % off, ${ALLOWED_PERCENT} % are allowed`)
  }
  return {
    title: "A plan against its run",
    text: [
      "`plan()` before, then the same calls through `limitedFetch` and `parallelMap` over HTTP.",
      "",
      "| | calls | predicted | took | off by | refused |",
      "|---|---:|---:|---:|---:|---:|",
      ...lines,
    ],
    missed,
  }
}

interface Order {
  readonly limits: VendorLimits
  readonly latency: Job["latency"]
}

async function measured({
  calls,
  limits,
  latency: model,
}: Omit<Job, "name">): Promise<{ timeMs: number; refused: number }> {
  // In a process of its own, as a vendor is: what it computes must not delay its clients.
  const vendor = fork(new URL(import.meta.url), { execArgv: ["--conditions=@sluice/source"] })
  vendor.send({
    limits: vendorOfLimits(limits, 0),
    latency: model,
  } satisfies Order)
  const [url] = (await once(vendor, "message")) as [string]
  const fetch = limitedFetch({ ...limits, vendor: "openai-compatible" })
  const prompts = calls.map((call, index) => promptOf(call, index))
  const ask = async (content: string): Promise<void> => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer any", "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, messages: [{ role: "user", content }] }),
    })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    await response.text()
  }
  const startedMs = performance.now()
  for await (const outcome of parallelMap(prompts, ask, { concurrency: "auto", order: "completion" })) {
    if (outcome.status === "failed") throw outcome.error
  }
  const timeMs = performance.now() - startedMs
  vendor.send("stats")
  const [refused] = (await once(vendor, "message")) as [number]
  await fetch.close()
  vendor.kill()
  return { timeMs, refused }
}

async function serve(order: Order): Promise<void> {
  const textOf = ({ messages }: AnswerRequest): string => messages.at(-1)?.text ?? ""
  const vendor = await startVendor({
    ...order,
    answer: (request) => answerTo(textOf(request)),
    identify: (request) => callIdOf(textOf(request)),
  })
  process.on("message", () => process.send?.(vendor.stats().refused))
  process.send?.(vendor.url)
}
