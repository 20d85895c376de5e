/**
 * What `plan()` predicted against what a run over real HTTP then took: limitedFetch and parallelMap against the lab's server.
 *
 *   node --conditions=@sluice/source packages/lab/bench/plan-against-run.ts
 */
import { limitedFetch } from "@sluice/providers"
import { parallelMap } from "@sluice/scheduler"
import { countTokens, lognormal, plan, type PlanOptions, seededRandom, startVendor } from "../src/index.ts"
import { machineLine } from "./machine.ts"

interface Job {
  readonly name: string
  readonly calls: readonly { readonly inputTokens: number; readonly outputTokens: number }[]
  readonly limits: { readonly requestsPerMinute?: number; readonly tokensPerMinute?: number }
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

const jobs: readonly Job[] = [
  { name: "requests bind", calls: sizes(400, 0), limits: { requestsPerMinute: 1_200 }, latency },
  { name: "tokens bind, uneven sizes", calls: sizes(500, 0.8), limits: { tokensPerMinute: 240_000 }, latency },
  {
    name: "both, near each other",
    calls: sizes(500, 0.8),
    limits: { requestsPerMinute: 500, tokensPerMinute: 350_000 },
    latency,
  },
]

async function measured({
  calls,
  limits,
  latency: model,
}: Job): Promise<{ readonly timeMs: number; readonly refused: number }> {
  const vendor = await startVendor({
    limits: {
      ...(limits.requestsPerMinute !== undefined && { requests: limits.requestsPerMinute }),
      ...(limits.tokensPerMinute !== undefined && { tokens: limits.tokensPerMinute }),
    },
    latency: model,
    answer: ({ messages }) =>
      "word "
        .repeat(Number.parseInt(messages[0]?.text ?? "1", 10))
        .slice(0, 4 * Number.parseInt(messages[0]?.text ?? "1", 10)),
  })
  const fetch = limitedFetch({ ...limits, vendor: "openai-compatible" })
  const ask = async ({ inputTokens, outputTokens }: Job["calls"][number]): Promise<void> => {
    const content = `${outputTokens} tokens, please. `.padEnd(4 * inputTokens, "Lorem ipsum. ")
    if (countTokens(content) !== inputTokens)
      throw new Error(`${countTokens(content)} tokens instead of ${inputTokens}`)
    const response = await fetch(`${vendor.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer any", "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, messages: [{ role: "user", content }] }),
    })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    await response.text()
  }
  const startedMs = performance.now()
  for await (const outcome of parallelMap(calls, ask, { concurrency: "auto", order: "completion" })) {
    if (outcome.status === "failed") throw outcome.error
  }
  const timeMs = performance.now() - startedMs
  const { refused } = vendor.stats()
  await fetch.close()
  await vendor.stop()
  return { timeMs, refused }
}

process.stdout.write(`${machineLine()}\n`)
for (const job of jobs) {
  const predicted = await plan({ calls: job.calls, limits: job.limits, latency: job.latency, networkMs: 1 })
  const { timeMs, refused } = await measured(job)
  const off = (100 * (predicted.online.timeMs - timeMs)) / timeMs
  process.stdout.write(
    `${job.name.padEnd(28)} predicted ${(predicted.online.timeMs / 1_000).toFixed(1).padStart(6)} s   measured ${(timeMs / 1_000).toFixed(1).padStart(6)} s   off ${off.toFixed(1).padStart(5)} %   refused ${refused}\n`,
  )
}
