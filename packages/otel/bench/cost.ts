/**
 * What a listener costs: processor time per item that makes one call through `limitedFetch` to a vendor that answers at once. The
 * contestants take turns; medians. `pnpm bench:otel [--items 5000] [--rounds 9]`
 */
import { parseArgs } from "node:util"
import { context, trace } from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import { AlwaysOffSampler, NoopSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace"
import { createDefine, type EventSink } from "@sluice/core"
import { limitedFetch } from "@sluice/providers"
import { systemRuntime } from "@sluice/scheduler"
import { median } from "../../lab/bench/overhead/results.ts"
import { telemetry } from "../src/index.ts"

const { values: args } = parseArgs({
  options: { items: { type: "string", default: "5000" }, rounds: { type: "string", default: "9" } },
})
const items = Number(args.items)
const { batch } = createDefine(systemRuntime)()
const init = { method: "POST", body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Why?" }] }) }
const body = JSON.stringify({
  id: "chatcmpl-1",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2 },
})
const served: typeof globalThis.fetch = async () =>
  new Response(body, { headers: { "content-type": "application/json" } })

async function microseconds(onEvent: EventSink | undefined): Promise<number> {
  const heard = onEvent ? { onEvent } : {}
  const fetch = limitedFetch({ fetch: served, concurrency: 50, ...heard })
  const node = batch({
    name: "node",
    prep: () => Array.from({ length: items }, (_, n) => n),
    exec: async () => (await fetch("https://api.openai.com/v1/chat/completions", init)).status,
  })
  const before = process.cpuUsage()
  await node.run({}, heard)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / items
}

function provider(sampler?: AlwaysOffSampler): TracerProvider {
  return new TracerProvider({ spanProcessors: [new NoopSpanProcessor()], ...(sampler && { sampler }) })
}

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
const contestants: Readonly<Record<string, EventSink | undefined>> = {
  "nobody listens": undefined,
  "a listener that does nothing": () => {},
  "telemetry without an SDK": telemetry({ tracerProvider: trace.getTracerProvider() }),
  "a run that is not sampled": telemetry({ tracerProvider: provider(new AlwaysOffSampler()) }),
  "every hundredth item traced": telemetry({ tracerProvider: provider(), itemRatio: 0.01 }),
  "every item traced": telemetry({ tracerProvider: provider() }),
}
const measured = Object.keys(contestants).map((name) => ({ name, rounds: [] as number[] }))
for (let round = 0; round <= Number(args.rounds); round++) {
  for (const { name, rounds } of measured) {
    const took = await microseconds(contestants[name])
    // The first round warms up.
    if (round > 0) rounds.push(took)
  }
}
const bare = median(measured[0]!.rounds)
for (const { name, rounds } of measured) {
  const middle = median(rounds)
  process.stdout.write(
    `| ${name} | ${middle.toFixed(1)} [${Math.min(...rounds).toFixed(1)}–${Math.max(...rounds).toFixed(1)}] | +${(middle - bare).toFixed(1)} |\n`,
  )
}
