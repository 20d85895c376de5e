import Anthropic from "@anthropic-ai/sdk"
import { createDefine, type Lane, type SluiceEvent } from "@sluice/core"
import { startVendor, type ServerOptions, type Vendor } from "@sluice/lab"
import { parallelExecutor, systemRandom } from "@sluice/scheduler"
import OpenAI from "openai"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import {
  anthropicOptions,
  limitedFetch,
  type LimitedFetch,
  type LimitedFetchOptions,
  openaiOptions,
} from "../src/index.ts"
import { fastClock } from "./scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

interface Setup {
  readonly vendor: Vendor
  readonly limited: LimitedFetch
  readonly events: SluiceEvent[]
  /** Asks in the words of one vendor's SDK. */
  readonly ask: Readonly<Record<"openai" | "anthropic", (prompt: string) => Promise<string>>>
  readonly batchOf: ReturnType<ReturnType<typeof createDefine>>["batch"]
}

/** A vendor whose batches take some milliseconds: its clock is a thousand times as fast as ours. */
async function setUp(options: ServerOptions = {}, limits: LimitedFetchOptions = {}): Promise<Setup> {
  const clock = fastClock()
  const vendor = await startVendor({
    answer: "echo",
    clock,
    latency: { baseMs: 1, perOutputTokenMs: 0 },
    ...options,
    batch: { validatingMs: 20_000, processingMs: 60_000, finalizingMs: 20_000, ...options.batch },
  })
  onTestFinished(() => vendor.stop())
  const events: SluiceEvent[] = []
  const limited = limitedFetch({
    clock,
    onEvent: (event) => events.push(event),
    ...limits,
    // A tenth of a second of this machine's: items are gathered in one batch however busy it is.
    vendorBatches: { gatherMs: 100_000, ...limits.vendorBatches },
  })
  const openai = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const anthropic = new Anthropic({ baseURL: vendor.url, apiKey: "k", ...anthropicOptions(limited) })
  const define = createDefine({ clock, random: systemRandom, executor: parallelExecutor(clock, systemRandom) })
  return {
    vendor,
    limited,
    events,
    batchOf: define().batch,
    ask: {
      async openai(content) {
        const answer = await openai.chat.completions.create({
          model: "gpt-5-mini",
          messages: [{ role: "user", content }],
        })
        return answer.choices[0]?.message.content ?? ""
      },
      async anthropic(content) {
        const answer = await anthropic.messages.create({
          model: "claude-haiku-4-5",
          max_tokens: 100,
          messages: [{ role: "user", content }],
        })
        return answer.content[0]?.type === "text" ? answer.content[0].text : ""
      },
    },
  }
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `Text ${index}`)

async function answersOf(
  { batchOf }: Setup,
  ask: (prompt: string) => Promise<string>,
  prompts: readonly string[],
  lane: Lane,
): Promise<string[]> {
  let answers: string[] = []
  const node = batchOf({
    name: "summarise",
    prep: () => prompts,
    exec: (prompt: string) => ask(prompt),
    lane,
    post: (_shared, _prepared, results) => {
      answers = results
    },
  })
  await node.run({})
  return answers
}

describe.each(["openai", "anthropic"] as const)("%s: lane", (name) => {
  it('"batch": the SDK is answered from one batch, each call with its own answer, at half the price', async () => {
    const setup = await setUp()
    expect(await answersOf(setup, setup.ask[name], texts(60), "batch")).toEqual(texts(60))
    const { batches, arrived } = setup.vendor.stats()
    expect([batches.jobs, batches.answered, batches.repeats, arrived]).toEqual([1, 60, 0, 0])
  })

  it('"online": one call each', async () => {
    const setup = await setUp()
    expect(await answersOf(setup, setup.ask[name], texts(5), "online")).toEqual(texts(5))
    expect([setup.vendor.stats().batches.jobs, setup.vendor.stats().answered]).toEqual([0, 5])
  })
})
