import type { EventSink } from "@sluice/core"
import type OpenAI from "openai"
import type { MaxTokensCharge, ToldQuota } from "../../src/index.ts"
import { toldRequests, type BenchCall } from "./bench-scenario.ts"

/** What a contestant is given. `answer` reports one answer in hand, `fail` a call given up. */
export interface ContestantInput {
  readonly url: string
  /** Resets as of now. */
  readonly told: () => ToldQuota
  readonly chargesMaxTokens: MaxTokensCharge
  readonly calls: readonly BenchCall[]
  readonly answer: (text: string | null | undefined) => void
  readonly fail: (error: unknown) => void
  readonly onEvent: EventSink
}

/** Loads its libraries at once, and runs when told to. */
export interface Contestant {
  readonly name: string
  /** Their versions belong in the table. */
  readonly packages: readonly string[]
  readonly prepare: (input: ContestantInput) => Promise<() => Promise<void>>
}

/** What a user sets by hand: 20 calls at once of 2.4 s each are 500 a minute, the account of most scenarios. */
const GUESS = 20
const MODEL = "lab-small"
const apiKey = "any"

/** Who charges prompt + max_tokens when a call arrives, who the larger of the two, and who what was used. */
const CHARGES_AS: Readonly<Record<string, string>> = { true: "azure", larger: "openai", false: "openai-compatible" }

type Ask = (call: BenchCall) => Promise<string | null | undefined>

async function openaiSdk(url: string, options: { readonly maxRetries?: number } = {}): Promise<Ask> {
  const { default: OpenAI } = await import("openai")
  return askWith(new OpenAI({ baseURL: `${url}/v1`, apiKey, ...options }))
}

function askWith(client: OpenAI): Ask {
  return async ({ prompt, maxTokens }) => {
    const completion = await client.chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: prompt }],
      ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    })
    return completion.choices[0]?.message.content
  }
}

/** Every call through `run`, as `Promise.all(calls.map(…))` does. */
function all(
  input: ContestantInput,
  ask: Ask,
  run: (task: () => Promise<void>) => Promise<unknown>,
): () => Promise<void> {
  return async () => {
    const task = async (call: BenchCall): Promise<void> => {
      try {
        input.answer(await ask(call))
      } catch (error) {
        input.fail(error)
      }
    }
    await Promise.all(input.calls.map((call) => run(() => task(call))))
  }
}

function withPLimit(name: string, maxRetries: number | undefined, atOnce = GUESS): Contestant {
  return {
    name,
    packages: ["openai", "p-limit"],
    async prepare(input) {
      const { default: pLimit } = await import("p-limit")
      const ask = await openaiSdk(input.url, maxRetries === undefined ? {} : { maxRetries })
      return all(input, ask, pLimit(atOnce))
    },
  }
}

export const contestants: readonly Contestant[] = [
  {
    name: "sluice",
    packages: ["openai", "@sluice/providers", "@sluice/scheduler"],
    async prepare(input) {
      const { limitedFetch } = await import("@sluice/providers")
      const { parallelMap } = await import("@sluice/scheduler")
      const { default: OpenAI } = await import("openai")
      return async () => {
        const fetch = limitedFetch({
          ...input.told(),
          vendor: CHARGES_AS[String(input.chargesMaxTokens)] ?? "openai-compatible",
          onEvent: input.onEvent,
        })
        const ask = askWith(new OpenAI({ baseURL: `${input.url}/v1`, apiKey, fetch, maxRetries: 0 }))
        for await (const outcome of parallelMap(input.calls, ask, { concurrency: "auto", onError: "collect" })) {
          if (outcome.status === "ok") input.answer(outcome.value)
          else input.fail(outcome.error)
        }
        await fetch.close()
      }
    },
  },
  withPLimit("openai + p-limit", undefined),
  withPLimit("openai + p-limit, 10 retries", 10),
  {
    name: "openai + Bottleneck",
    packages: ["openai", "bottleneck"],
    async prepare(input) {
      const { default: Bottleneck } = await import("bottleneck")
      const ask = await openaiSdk(input.url)
      const rate = toldRequests(input.told())
      const limiter = new Bottleneck({
        maxConcurrent: GUESS,
        ...(rate && { minTime: rate.windowMs / rate.limit }),
      })
      return all(input, ask, (task) => limiter.schedule(task))
    },
  },
  {
    name: "openai + p-queue",
    packages: ["openai", "p-queue"],
    async prepare(input) {
      const { default: PQueue } = await import("p-queue")
      const ask = await openaiSdk(input.url)
      const rate = toldRequests(input.told())
      const queue = new PQueue(
        rate ? { interval: rate.windowMs, intervalCap: Math.max(1, Math.floor(rate.limit)) } : { concurrency: GUESS },
      )
      return all(input, ask, (task) => queue.add(task))
    },
  },
  {
    name: "AI SDK + p-limit",
    packages: ["ai", "@ai-sdk/openai", "p-limit"],
    async prepare(input) {
      const { generateText } = await import("ai")
      const { createOpenAI } = await import("@ai-sdk/openai")
      const { default: pLimit } = await import("p-limit")
      const model = createOpenAI({ baseURL: `${input.url}/v1`, apiKey }).chat(MODEL)
      const ask: Ask = async ({ prompt, maxTokens }) => {
        const { text } = await generateText({
          model,
          prompt,
          ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
        })
        return text
      }
      return all(input, ask, pLimit(GUESS))
    },
  },
  {
    name: "LangChain batch",
    packages: ["@langchain/openai", "@langchain/core"],
    async prepare(input) {
      const { ChatOpenAI } = await import("@langchain/openai")
      const { maxTokens } = input.calls[0] ?? {}
      const model = new ChatOpenAI({
        model: MODEL,
        apiKey,
        configuration: { baseURL: `${input.url}/v1` },
        maxConcurrency: GUESS,
        ...(maxTokens !== undefined && { maxTokens }),
      })
      return async () => {
        const prompts = input.calls.map(({ prompt }) => prompt)
        for (const answer of await model.batch(prompts, { maxConcurrency: GUESS }, { returnExceptions: true })) {
          if (answer instanceof Error) input.fail(answer)
          else input.answer(answer.text)
        }
      }
    },
  },
]

/** Named by hand alone: the guess that most first programs make. */
const others: readonly Contestant[] = [withPLimit("openai + p-limit(50)", undefined, 50)]

export function contestantNamed(name: string): Contestant {
  const found = [...contestants, ...others].find((contestant) => contestant.name === name)
  if (found) return found
  throw new TypeError(`no contestant is named "${name}". Known: ${contestants.map(({ name }) => name).join(", ")}`)
}
