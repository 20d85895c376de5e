import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import {
  type Clock,
  createDefine,
  type ItemPolicy,
  type Journal,
  type Lane,
  type Outcome,
  type RunOptions,
  type SettledRecord,
  type SluiceEvent,
} from "@sluice/core"
import { startVendor, type ServerOptions, type VendorServer } from "@sluice/lab"
import { parallelExecutor, systemRandom } from "@sluice/scheduler"
import OpenAI from "openai"
import { onTestFinished } from "vitest"
import {
  anthropicOptions,
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  type LimitedFetchOptions,
  openaiOptions,
} from "../src/index.ts"
import { fastClock } from "./scripted-server.ts"

export const vendorNames = ["openai", "anthropic", "gemini"] as const

export type Ask = (prompt: string) => Promise<string>

export interface LaneSetup {
  readonly vendor: VendorServer
  readonly limited: LimitedFetch
  readonly clock: Clock
  readonly events: SluiceEvent[]
  readonly openai: OpenAI
  /** Asks in the words of one vendor's SDK. */
  readonly ask: Readonly<Record<(typeof vendorNames)[number], Ask>>
  readonly define: ReturnType<typeof createDefine>
}

/** A vendor whose batches take some ten milliseconds: its clock and ours are a thousand times as fast as the machine's. */
export async function setUpLane(options: ServerOptions = {}, limits: LimitedFetchOptions = {}): Promise<LaneSetup> {
  const clock = fastClock()
  const vendor = await startVendor({
    answer: "echo",
    clock,
    latency: { baseMs: 1, perOutputTokenMs: 0 },
    ...options,
    batch: { validatingMs: 10_000, processingMs: 40_000, finalizingMs: 10_000, ...options.batch },
  })
  onTestFinished(() => vendor.stop())
  return { vendor, ...clientsOf(vendor, limits, clock) }
}

/** Everything but the vendor: what a new process makes anew. */
export function clientsOf(
  vendor: VendorServer,
  limits: LimitedFetchOptions = {},
  clock: ReturnType<typeof fastClock> = fastClock(),
): Omit<LaneSetup, "vendor"> {
  const events: SluiceEvent[] = []
  const limited = limitedFetch({
    clock,
    onEvent: (event) => events.push(event),
    ...limits,
    // A tenth of a second of this machine's: items are gathered in one batch however busy it is.
    vendorBatches: { gatherMs: 100_000, pollMs: 20_000, ...limits.vendorBatches },
  })
  const openai = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const anthropic = new Anthropic({ baseURL: vendor.url, apiKey: "k", ...anthropicOptions(limited) })
  const google = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: vendor.url, ...googleOptions(limited) } })
  return {
    limited,
    clock,
    events,
    openai,
    define: createDefine({ clock, random: systemRandom, executor: parallelExecutor(clock, systemRandom) }),
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
      async gemini(contents) {
        return (await google.models.generateContent({ model: "gemini-2.5-flash", contents })).text ?? ""
      },
    },
  }
}

export const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `Text ${index}`)

/** Runs one batch over the prompts, in a lane; answers its outcomes. */
export async function outcomesOf(
  { define }: Pick<LaneSetup, "define">,
  ask: Ask,
  prompts: Iterable<string>,
  lane: Lane,
  run: RunOptions = {},
  more: Pick<ItemPolicy<string>, "retry" | "timeoutMs"> & { readonly concurrency?: number } = {},
): Promise<Outcome<string>[]> {
  let outcomes: Outcome<string>[] = []
  const node = define<object>().batch({
    name: "summarise",
    prep: () => prompts,
    exec: (prompt: string) => ask(prompt),
    onError: "collect",
    ...more,
    lane,
    post: (_shared, _prepared, results) => {
      outcomes = results
    },
  })
  await node.run({}, run)
  return outcomes
}

export const valuesOf = (outcomes: readonly Outcome<string>[]): unknown[] =>
  outcomes.map((outcome) => (outcome.status === "ok" ? outcome.value : outcome.error))

/** A journal in memory that outlives the runs, as a file does, and may fail at a note. */
export function notingJournal(
  onNote: (name: string, when: "before" | "after") => void = () => {},
  notes = new Map<string, unknown>(),
): {
  journal: Journal
  notes: Map<string, unknown>
} {
  const settled = new Map<string, SettledRecord>()
  return {
    notes,
    journal: {
      openRun: async () => ({
        lookup: ({ index }) => settled.get(`${index}`),
        settle: async ({ index }, outcome) => void settled.set(`${index}`, outcome),
        note: (name) => notes.get(name),
        async putNote(name, value) {
          onNote(name, "before")
          notes.set(name, structuredClone(value))
          onNote(name, "after")
        },
        end: async () => {},
      }),
    },
  }
}

export const addressOf = (input: string | URL | Request): string => new Request(input).url
