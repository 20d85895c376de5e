import { createDefine, type SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { parallelExecutor } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import { coalesce, limitedFetch, usageTally } from "../../src/index.ts"
import { completion } from "../fake-vendor.ts"

const random = { next: () => 0.5 }
const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 }
const price = { "gpt-5-mini": { input: 1, output: 10 } }
const each = { requests: 1, inputTokens: 1000, outputTokens: 100, usd: 0.002 }
const times = (n: number): object => ({
  requests: n,
  inputTokens: 1000 * n,
  outputTokens: 100 * n,
  usd: expect.closeTo(0.002 * n) as number,
})

function setUp(): {
  clock: VirtualClock
  tally: ReturnType<typeof usageTally>
  chat: (model?: string, key?: string) => Promise<Response>
  define: ReturnType<typeof createDefine>
} {
  const clock = new VirtualClock()
  const tally = usageTally({ items: true })
  const fetch = limitedFetch({
    clock,
    random,
    prices: price,
    onEvent: tally.onEvent,
    keyBy: ({ header }) => ({ account: "team", tenant: header("x-tenant") ?? "nobody" }),
    fetch: async () => completion(usage),
  })
  return {
    clock,
    tally,
    chat: (model = "gpt-5-mini", tenant = "a") =>
      fetch("https://api.openai.com/v1/chat/completions", {
        method: "POST",
        headers: { "x-tenant": tenant },
        body: JSON.stringify({ model, messages: [] }),
      }),
    define: createDefine({ clock, random, executor: parallelExecutor(clock, random) }),
  }
}

describe("usage from events", () => {
  it("adds up by run, node, item, key and model, each call once although run and call tell the same sink", async () => {
    const { clock, tally, chat, define } = setUp()
    const { batch, step, flow } = define<object>()
    const app = flow({
      name: "digest",
      nodes: {
        many: batch({
          name: "many",
          prep: () => [0, 1, 2],
          exec: async (i: number) => void (await chat("gpt-5-mini", i === 2 ? "b" : "a")),
          retry: { maxAttempts: 2 },
        }),
        one: step({ name: "one", exec: async () => void (await chat("other")) }),
      },
      start: "many",
      edges: { many: { default: "one" } },
    })
    const runIds = new Set<string>()
    await clock.run(
      app.run(
        {},
        {
          onEvent: (event) => {
            if (event.type === "run-start") runIds.add(event.runId)
            tally.onEvent(event)
          },
        },
      ),
    )
    await clock.run(chat())
    const report = tally.report()
    const [runId] = [...runIds]
    expect(report.total).toEqual({ requests: 5, inputTokens: 5000, outputTokens: 500, usd: expect.closeTo(0.008) })
    expect(report.byNode["digest/many"]).toEqual(times(3))
    expect(report.byNode["digest/one"]).toEqual({ requests: 1, inputTokens: 1000, outputTokens: 100 })
    expect(report.byNode[""]).toEqual(each)
    expect(report.byItem).toEqual({ "digest/many[0]": each, "digest/many[1]": each, "digest/many[2]": each })
    expect(report.byRun[runId!]!.requests).toBe(4)
    expect(report.byTenant).toEqual({ a: { ...times(4), usd: expect.closeTo(0.006) as number }, b: each })
    expect(report.byModel).toEqual({
      "gpt-5-mini": times(4),
      other: { requests: 1, inputTokens: 1000, outputTokens: 100 },
    })
  })

  it("a request that items share is paid by each, by its tokens", async () => {
    const { clock, tally, chat, define } = setUp()
    const { batch } = define<object>()
    const node = batch({
      name: "many",
      prep: () => ["aaa", "b"],
      exec: coalesce({
        maxItems: 2,
        clock,
        tokens: (word: string) => word.length,
        pack: async (words: readonly string[]) => {
          await chat()
          return words
        },
        unpack: (answer) => answer,
      }),
    })
    await clock.run(node.run({}, { onEvent: tally.onEvent }))
    const { total, byItem, byModel } = tally.report()
    expect(total).toEqual(each)
    expect(byModel).toEqual({ "gpt-5-mini": each })
    expect(byItem["many[0]"]).toEqual({ requests: 0.75, inputTokens: 750, outputTokens: 75, usd: 0.0015 })
    expect(byItem["many[1]"]).toEqual({ requests: 0.25, inputTokens: 250, outputTokens: 25, usd: 0.0005 })
  })

  it("one sink of a run and its calls gets each usage once, with model, account and node; two get it once each", async () => {
    for (const isOne of [true, false]) {
      const clock = new VirtualClock()
      const [ofCalls, ofRun]: [SluiceEvent[], SluiceEvent[]] = [[], []]
      const onEvent = (event: SluiceEvent): void => void ofCalls.push(event)
      const fetch = limitedFetch({ clock, random, prices: price, onEvent, fetch: async () => completion(usage) })
      const { batch } = createDefine({ clock, random, executor: parallelExecutor(clock, random) })<object>()
      const node = batch({
        name: "many",
        prep: () => [0, 1, 2],
        exec: async () => {
          const init = { method: "POST", body: JSON.stringify({ model: "gpt-5-mini", messages: [] }) }
          await fetch("https://api.openai.com/v1/chat/completions", init)
        },
      })
      const sink = isOne ? onEvent : (event: SluiceEvent): void => void ofRun.push(event)
      await clock.run(node.run({}, { onEvent: sink }))
      const told = ofCalls.filter((event) => event.type === "usage")
      expect(told).toHaveLength(3)
      const spans = new Set(
        (isOne ? ofCalls : ofRun)
          .filter(({ type }) => type === "item-start")
          .map((event) => "spanId" in event && event.spanId),
      )
      for (const event of told) {
        expect(event).toMatchObject({
          model: "gpt-5-mini",
          cost: each,
          account: expect.stringMatching(/^openai/) as string,
        })
        expect(spans).toContain(event.spanId)
      }
      expect(ofRun.filter(({ type }) => type === "usage")).toHaveLength(isOne ? 0 : 3)
    }
  })
})
