import { createOpenAI } from "@ai-sdk/openai"
import type { SluiceEvent } from "@sluice/core"
import { embedMany, generateText } from "ai"
import { BadRequestError } from "openai"
import { describe, expect, it, vi } from "vitest"
import { aiSdkOptions, coalesce, limitedFetch, prices, usageTally, usdOf } from "../../src/index.ts"
import { addressOf, clientsOf, outcomesOf, setUpLane, texts, valuesOf, vendorNames } from "../lane-setup.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })
;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false

/** The longest answer there may be costs half of 512 tokens at 2 dollars a million, in a batch. */
const paid = { prices: { "gpt-5-mini*": { input: 0.25, output: 2, maxOutputTokens: 512 } } }

const batchEvents = (events: readonly SluiceEvent[]) => events.filter((event) => event.type === "vendor-batch")

function chainOf(error: unknown): unknown[] {
  return error instanceof Error ? [(error as { code?: unknown }).code, ...chainOf(error.cause)] : []
}

describe.each(vendorNames)("%s: a batch in lane", (name) => {
  it('"batch" is answered from one batch of the vendor, each call with its own answer', async () => {
    const setup = await setUpLane()
    const outcomes = await outcomesOf(setup, setup.ask[name], texts(60), "batch")
    expect(valuesOf(outcomes)).toEqual(texts(60))
    const { batches, arrived } = setup.vendor.stats()
    expect([batches.jobs, batches.answered, batches.repeats, arrived]).toEqual([1, 60, 0, 0])
  })

  it('"online" makes one call each', async () => {
    const setup = await setUpLane()
    expect(valuesOf(await outcomesOf(setup, setup.ask[name], texts(5), "online"))).toEqual(texts(5))
    expect([setup.vendor.stats().batches.jobs, setup.vendor.stats().answered]).toEqual([0, 5])
  })

  it("costs half, item by item, and tells how the batch goes", async () => {
    const setup = await setUpLane()
    const spent: SluiceEvent[] = []
    const onEvent = (event: SluiceEvent): void => void (event.type === "usage" && spent.push(event))
    await outcomesOf(setup, setup.ask[name], texts(8), "batch", { onEvent })
    const usage = setup.events.filter((event) => event.type === "usage")
    expect(usage).toHaveLength(8)
    const model = { openai: "gpt-5-mini*", anthropic: "claude-haiku-4-5*", gemini: "gemini-2.5-flash*" }[name]
    for (const { cost, lane } of usage) {
      const { inputTokens = 0, outputTokens = 0, usd } = cost
      const online = usdOf(prices[model]!, { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0 })
      expect([lane, usd]).toEqual(["batch", online / 2])
    }
    expect(spent.map((event) => event.type === "usage" && event.cost)).toEqual(usage.map(({ cost }) => cost))

    const told = batchEvents(setup.events)
    expect([told[0]?.state, told.at(-1)?.state]).toEqual(["submitted", "ended"])
    expect(told.slice(1, -1).every(({ state }) => state === "progress")).toBe(true)
    expect(told.at(-1)).toMatchObject({ done: 8, total: 8 })
    expect(new Set(told.map(({ batchId }) => batchId)).size).toBe(1)
    expect(told[0]?.account).toMatch(/^[a-z-]+\/[0-9a-f]{12}$/)
    expect(JSON.stringify(setup.events)).not.toMatch(/Text|Bearer/)
  })

  it("asks again for what failed, then online: nothing is lost, and nothing shifts", async () => {
    const setup = await setUpLane({ batch: { errorRate: 0.6 } })
    expect(valuesOf(await outcomesOf(setup, setup.ask[name], texts(30), "batch"))).toEqual(texts(30))
    const { batches, answered } = setup.vendor.stats()
    expect(batches.jobs).toBe(2)
    expect([batches.answered + answered, batches.repeats]).toEqual([30, 0])
    expect(batches.failed).toBeGreaterThan(5)
    expect(answered).toBeGreaterThan(0)
  })

  it("a cancel of the run comes out at once; with no journal to find it again, the batch is cancelled too", async () => {
    const setup = await setUpLane({ batch: { processingMs: 1e9 } })
    const controller = new AbortController()
    const reason = new Error("enough")
    const running = outcomesOf(setup, setup.ask[name], texts(3), "batch", { signal: controller.signal })
    await vi.waitFor(() => expect(batchEvents(setup.events).length).toBeGreaterThan(0), { interval: 5 })
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    expect(batchEvents(setup.events).at(-1)?.state).toBe("cancelled")
  })
})

describe("a batch in lane", () => {
  it("keeps no more requests than maxOpen in the lane, and pulls no further", async () => {
    const setup = await setUpLane({}, { vendorBatches: { maxOpen: 10, gatherMs: 20_000 } })
    let pulled = 0
    let done = 0
    let most = 0
    function* source(): Generator<string> {
      for (const text of texts(60)) {
        most = Math.max(most, ++pulled - done)
        yield text
      }
    }
    const ask = async (prompt: string): Promise<string> => {
      const answer = await setup.ask.openai(prompt)
      done++
      return answer
    }
    expect(valuesOf(await outcomesOf(setup, ask, source(), "batch"))).toEqual(texts(60))
    expect(setup.vendor.stats().batches).toMatchObject({ answered: 60, repeats: 0 })
    expect(setup.vendor.stats().batches.jobs).toBeGreaterThanOrEqual(6)
    // Ten in the lane, 16 that wait for it, 16 on their way there.
    expect(most).toBeLessThanOrEqual(42)
  })

  it("makes several batches where one is too large: by count", async () => {
    const setup = await setUpLane({}, { vendorBatches: { maxRequests: 10, maxOpen: 100 } })
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(25), "batch"))).toEqual(texts(25))
    expect(setup.vendor.stats().batches.jobs).toBe(3)
  })

  it.each([
    ["openai", "after it was accepted"],
    ["gemini", "at once"],
  ] as const)("%s: learns how many tokens may be enqueued when a batch is refused %s", async (name, _when) => {
    const setup = await setUpLane(
      { batch: { maxEnqueuedTokens: 30, processingMs: 5_000 } },
      { vendorBatches: { gatherMs: 30_000 } },
    )
    expect(valuesOf(await outcomesOf(setup, setup.ask[name], texts(40), "batch"))).toEqual(texts(40))
    const { batches, arrived } = setup.vendor.stats()
    expect([batches.answered, batches.repeats, arrived]).toEqual([40, 0, 0])
  })

  it("never enqueues more tokens than it is told", async () => {
    const setup = await setUpLane(
      { batch: { maxEnqueuedTokens: 40, processingMs: 5_000 } },
      { vendorBatches: { maxEnqueuedTokens: 40, gatherMs: 30_000 } },
    )
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(40), "batch"))).toEqual(texts(40))
    expect(batchEvents(setup.events).filter(({ state }) => state === "failed")).toEqual([])
    expect(setup.vendor.stats().batches.answered).toBe(40)
  })

  it("what an expired batch has done counts, only the rest is asked again", async () => {
    const setup = await setUpLane(
      { batch: { processingMs: 80_000, expireAfterMs: 60_000 } },
      { vendorBatches: { maxRounds: 4 } },
    )
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(24), "batch"))).toEqual(texts(24))
    const { batches, answered } = setup.vendor.stats()
    expect(batches.jobs).toBeGreaterThan(1)
    expect([batches.answered + answered, batches.repeats]).toEqual([24, 0])
    expect(batches.answered).toBeGreaterThan(12)
  })

  it("a line that is missing or garbled is asked again", async () => {
    let broken = 0
    const setup = await setUpLane(
      {},
      {
        fetch: async (input, init) => {
          const response = await fetch(input, init)
          if (!addressOf(input).endsWith("/content") || broken > 0) return response
          const lines = (await response.text()).trim().split("\n")
          broken = lines.length
          return new Response([...lines.slice(2), lines[0]!.slice(0, 40)].join("\n"))
        },
      },
    )
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(6), "batch"))).toEqual(texts(6))
    expect(broken).toBe(6)
    // Two answers were lost on the way: those two were paid for again, and no other.
    expect(setup.vendor.stats().batches).toMatchObject({ jobs: 2, answered: 8, repeats: 2 })
  })

  it("one request that makes no sense does not take the others with it", async () => {
    const setup = await setUpLane()
    const ask = async (prompt: string): Promise<string> => {
      if (prompt !== "Text 3") return setup.ask.openai(prompt)
      const wrong = { model: "gpt-5-mini", max_tokens: -1, messages: [{ role: "user" as const, content: prompt }] }
      return (await setup.openai.chat.completions.create(wrong)).id
    }
    const outcomes = await outcomesOf(setup, ask, texts(8), "batch")
    expect(outcomes.map(({ status }) => status)).toEqual(texts(8).map((_, index) => (index === 3 ? "failed" : "ok")))
    const { error } = outcomes[3] as { error: Error }
    expect(error.cause).toBeInstanceOf(BadRequestError)
    const { batches, badRequests } = setup.vendor.stats()
    expect([batches.jobs, batches.answered, badRequests]).toEqual([2, 7, 1])
  })

  it("what the batch refused for good reaches the SDK as its own error, without another call", async () => {
    const setup = await setUpLane({ answer: "echo" })
    const { default: Anthropic } = await import("@anthropic-ai/sdk")
    const client = new Anthropic({ baseURL: setup.vendor.url, apiKey: "k", fetch: setup.limited })
    const wrong = { model: "claude-haiku-4-5", max_tokens: -1, messages: [{ role: "user" as const, content: "x" }] }
    const ask = async (): Promise<string> => (await client.messages.create(wrong)).id
    const [outcome] = await outcomesOf(setup, ask, ["x"], "batch")
    expect((outcome as { error: Error }).error.cause).toBeInstanceOf(Anthropic.BadRequestError)
    expect(setup.vendor.stats()).toMatchObject({ arrived: 0, badRequests: 0, batches: { jobs: 1 } })
  })

  it("takes the AI SDK's calls too, embeddings and responses among them; streams go online", async () => {
    const setup = await setUpLane()
    const limited = aiSdkOptions(setup.limited)
    const provider = createOpenAI({ baseURL: `${setup.vendor.url}/v1`, apiKey: "k", ...limited.provider })
    const ask = async (prompt: string): Promise<string> => {
      const { text } = await generateText({ model: provider.chat("gpt-5-mini"), prompt, ...limited.call })
      const response = await setup.openai.responses.create({ model: "gpt-5-mini", input: text })
      const { embeddings } = await embedMany({
        model: provider.embedding("text-embedding-3-small"),
        values: [response.output_text],
        ...limited.call,
      })
      return `${response.output_text} ${embeddings.length}`
    }
    const outcomes = await outcomesOf(setup, ask, texts(4), "batch")
    expect(valuesOf(outcomes)).toEqual(texts(4).map((text) => `${text} 1`))
    expect(setup.vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 3, answered: 12 } })

    const stream = async (content: string): Promise<string> => {
      let text = ""
      const messages = [{ role: "user" as const, content }]
      for await (const chunk of await setup.openai.chat.completions.create({ model: "m", messages, stream: true }))
        text += chunk.choices[0]?.delta.content ?? ""
      return text
    }
    expect(valuesOf(await outcomesOf(setup, stream, texts(3), "batch"))).toEqual(texts(3))
    expect(setup.vendor.stats()).toMatchObject({ answered: 3, batches: { jobs: 3 } })
  })

  it("an option that makes no sense is named", () => {
    expect(() => limitedFetch({ vendorBatches: { maxOpen: 0 } })).toThrow(/vendorBatches\.maxOpen must be .*got 0/)
    expect(() => limitedFetch({ vendorBatches: { gatherMs: -1 } })).toThrow(/vendorBatches\.gatherMs/)
  })

  it.each(["lost", "refused"])(
    "an answer to the creation that is %s by a vendor in trouble makes no second batch",
    async (how) => {
      let creations = 0
      const setup = await setUpLane(
        {},
        {
          fetch: async (input, init) => {
            if (!addressOf(input).endsWith("/batches") || init?.method !== "POST" || creations++ > 0)
              return fetch(input, init)
            if (how === "lost") await fetch(input, init)
            return Response.json({ error: { message: "try later" } }, { status: 503 })
          },
        },
      )
      expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(5), "batch"))).toEqual(texts(5))
      expect(setup.vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 1, answered: 5, repeats: 0 } })
      expect(creations).toBe(how === "lost" ? 1 : 2)
    },
  )

  it("a server without batches is asked once, then everything goes online", async () => {
    const setup = await setUpLane()
    const refused: string[] = []
    const without = clientsOf(setup.vendor, {
      fetch: async (input, init) => {
        if (!addressOf(input).endsWith("/files")) return fetch(input, init)
        refused.push(addressOf(input))
        return Response.json({ error: { message: "not found" } }, { status: 404 })
      },
    })
    expect(valuesOf(await outcomesOf(without, without.ask.openai, texts(20), "batch"))).toEqual(texts(20))
    expect([refused.length, setup.vendor.stats().answered]).toEqual([1, 20])
    expect(without.events.filter(({ type }) => type === "warning")).toMatchObject([{ code: "no-vendor-batch" }])
  })

  it("stops at the budget of dollars, which counts the batch's price", async () => {
    const setup = await setUpLane({}, { ...paid, budgetUsd: 0.0006, vendorBatches: { maxRequests: 1 } })
    const outcomes = await outcomesOf(setup, setup.ask.openai, texts(3), "batch", {}, { concurrency: 1 })
    expect(outcomes.map(({ status }) => status)).toEqual(["ok", "ok", "ok"])
    const spent = setup.events.reduce((sum, event) => sum + (event.type === "usage" ? (event.cost.usd ?? 0) : 0), 0)
    const limits = setup.limited.snapshot().flatMap((quota) => quota.limits)
    const budget = limits.find(({ dimension }) => dimension === "usd")
    expect(budget?.level).toBeCloseTo(0.0006 - spent, 9)

    const poor = await setUpLane({}, { ...paid, budgetUsd: 0.0001 })
    const [refused] = await outcomesOf(poor, poor.ask.openai, texts(1), "batch")
    expect((refused as { error: { cause: Error } }).error.cause.cause).toMatchObject({
      code: "cost-exceeds-limit",
      details: { limit: "budgetUsd", largest: 0.0001 },
    })
    expect(poor.vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 0 } })
  })

  it("a call that the budget has no room for waits while calls before it may turn out cheaper", async () => {
    const setup = await setUpLane({}, { ...paid, budgetUsd: 0.0006 })
    // One at a time is all that can be taken ahead; the answers are two words each.
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(6), "batch"))).toEqual(texts(6))
    const { batches, arrived } = setup.vendor.stats()
    expect([batches.answered, batches.repeats, arrived]).toEqual([6, 0, 0])
    expect(batches.jobs).toBeGreaterThan(1)
  })

  it("and is refused once nothing comes back any more; a cancel ends its wait", async () => {
    // Nearly as long as they were taken for: what comes back is not enough for another.
    const long = { text: "word ".repeat(300) }
    const setup = await setUpLane({ answer: long }, { ...paid, budgetUsd: 0.0009 })
    const outcomes = await outcomesOf(setup, setup.ask.openai, texts(12), "batch", {}, { retry: { maxAttempts: 1 } })
    const failed = outcomes.filter((outcome) => outcome.status === "failed")
    expect(failed.length).toBeGreaterThan(6)
    for (const { error } of failed) expect(JSON.stringify(chainOf(error))).toContain("budget-exhausted")
    expect(setup.vendor.stats().batches.answered).toBe(12 - failed.length)

    const slow = await setUpLane({ answer: long, batch: { processingMs: 1e9 } }, { ...paid, budgetUsd: 0.0009 })
    const controller = new AbortController()
    const running = outcomesOf(slow, slow.ask.openai, texts(12), "batch", { signal: controller.signal })
    await vi.waitFor(() => expect(batchEvents(slow.events).length).toBeGreaterThan(0), { interval: 5 })
    const reason = new Error("enough")
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
  })

  it("never spends more than the budget, nor holds more: each item is reserved at its max_tokens, else the model's longest answer", async () => {
    const spentOf = ({ events }: { readonly events: readonly SluiceEvent[] }): number =>
      events.reduce((sum, event) => sum + (event.type === "usage" ? (event.cost.usd ?? 0) : 0), 0)
    // Each answer is as long as there may be, and four times as long as is likely of a model that nobody knows.
    const options = {
      prices: { "gpt-5-mini*": { input: 0, output: 1000, maxOutputTokens: 2048 } },
      budgetUsd: 6,
      retry: { maxAttempts: 1 },
    }
    const setup = await setUpLane({ answer: { text: "w".repeat(4 * 2048) } }, options)
    const outcomes = await outcomesOf(setup, setup.ask.openai, texts(40), "batch", {}, { retry: options.retry })
    const { batches } = setup.vendor.stats()
    expect(batches.outputTokens).toBe(batches.answered * 2048)
    expect([outcomes.filter(({ status }) => status === "ok").length, batches.answered]).toEqual([5, 5])
    expect(spentOf(setup)).toBeCloseTo(5 * 1.024, 9)

    const capped = await setUpLane({ answer: { text: "w".repeat(4 * 256) } }, options)
    const ask = async (content: string): Promise<string> => {
      const messages = [{ role: "user" as const, content }]
      const body = { model: "gpt-5-mini", max_completion_tokens: 1024, messages }
      return (await capped.openai.chat.completions.create(body)).id
    }
    const jobs = await outcomesOf(capped, ask, texts(40), "batch", {}, { retry: options.retry })
    // Eleven at once by their cap; then the others, since each came back cheaper.
    expect([jobs.filter(({ status }) => status === "ok").length, spentOf(capped)]).toEqual([
      40,
      expect.closeTo(5.12, 9),
    ])
  })

  it("takes the first of several keys: a later process must find the batch again", async () => {
    const seen = new Set<string | null>()
    const setup = await setUpLane(
      {},
      {
        keys: ["k-1", "k-2"],
        fetch: (input, init) => {
          seen.add(new Headers(init?.headers).get("authorization"))
          return fetch(input, init)
        },
      },
    )
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, texts(6), "batch"))).toEqual(texts(6))
    expect([...seen]).toEqual(["Bearer k-1"])
  })

  it("takes requests that several items share, each paying its part once", async () => {
    const tally = usageTally()
    const setup = await setUpLane({}, { onEvent: tally.onEvent })
    const upper = coalesce<string, string, string>({
      maxItems: 5,
      maxWaitMs: 5,
      pack: (items) => setup.ask.openai(items.join("|")),
      unpack: (answer) => answer.split("|"),
    })
    const outcomes = await outcomesOf(setup, upper, texts(20), "batch", { onEvent: tally.onEvent })
    expect(valuesOf(outcomes)).toEqual(texts(20))
    const { arrived, batches } = setup.vendor.stats()
    expect([arrived, batches.jobs, batches.answered]).toEqual([0, 1, 4])
    const { total, byNode } = tally.report()
    expect(total.inputTokens).toBeCloseTo(batches.inputTokens)
    expect(byNode["summarise"]?.inputTokens).toBeCloseTo(batches.inputTokens)
  })

  it("inside a pipeline holds for its own stage", async () => {
    const setup = await setUpLane()
    const { batch, pipeline } = setup.define<{ texts: string[] }>()
    const first = batch({
      name: "first",
      prep: () => texts(5),
      exec: (text: string) => setup.ask.openai(text),
      lane: "batch",
    })
    const second = batch({
      name: "second",
      exec: (text: string) => setup.ask.openai(`${text}!`),
      post: (shared, _, results) => {
        shared.texts = results
      },
    })
    const shared = { texts: [] as string[] }
    await pipeline([first, second]).run(shared)
    expect(shared.texts).toEqual(texts(5).map((text) => `${text}!`))
    expect(setup.vendor.stats()).toMatchObject({ answered: 5, batches: { jobs: 1, answered: 5 } })
  })
})
