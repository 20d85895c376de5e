import { createDefine } from "@sluice/core"
import { createQuota, parallelExecutor, systemClock, systemRandom } from "@sluice/scheduler"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { limitedFetch, type LimitedFetch, openaiOptions } from "../../../src/index.ts"
import { scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Ask = (limited: LimitedFetch, prompt: string, model?: string) => Promise<string>

/** One call is at the server and all others wait; answers the order in which they came once it was let go. */
async function orderOf(quota: () => { waiting: number } | undefined, waiting: number, calls: (ask: Ask) => unknown) {
  let letGo!: () => void
  const server = await scriptedServer((n, response) => {
    const answer = { id: "c", choices: [{ index: 0, message: { role: "assistant", content: "ok" } }] }
    const send = (): void =>
      void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer))
    if (n === 0) letGo = send
    else send()
  })
  const ask: Ask = async (limited, content, model = "m") => {
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
    const answer = await openai.chat.completions.create({ model, messages: [{ role: "user", content }] })
    return answer.choices[0]!.message.content!
  }
  const ended = calls(ask)
  while (server.calls.length === 0 || quota()?.waiting !== waiting) await new Promise((next) => setImmediate(next))
  letGo()
  await ended
  return server.calls
    .map(({ body }) => JSON.parse(body) as { messages: { content: string }[] })
    .map(({ messages }) => messages[0]!.content)
}

describe("priority", () => {
  it("of a client: its calls go before those of another on the same quota", async () => {
    const quota = createQuota({ concurrency: 1 })
    const background = limitedFetch({ quota })
    const interactive = limitedFetch({ quota, priority: 1 })
    const order = await orderOf(
      () => quota.snapshot(),
      4,
      async (ask) => {
        const first = ["1", "2", "3"].map((prompt) => ask(background, prompt))
        while (quota.snapshot().waiting < 2) await new Promise((next) => setImmediate(next))
        await Promise.all([...first, ...["urgent 1", "urgent 2"].map((prompt) => ask(interactive, prompt))])
      },
    )
    expect(order).toEqual(["1", "urgent 1", "urgent 2", "2", "3"])
  })

  it("of a call: by what `priority` makes of its model and headers", async () => {
    const limited = limitedFetch({ concurrency: 1, priority: ({ model }) => (model === "chat" ? 2 : 0) })
    const order = await orderOf(
      () => limited.snapshot()[0],
      3,
      (ask) => Promise.all([ask(limited, "1"), ask(limited, "2"), ask(limited, "3"), ask(limited, "urgent", "chat")]),
    )
    expect(order).toEqual(["1", "urgent", "2", "3"])
  })

  it("of a run: its items' calls have it", async () => {
    const limited = limitedFetch({ concurrency: 1 })
    const define = createDefine({
      clock: systemClock,
      random: systemRandom,
      executor: parallelExecutor(systemClock, systemRandom),
    })
    const order = await orderOf(
      () => limited.snapshot()[0],
      4,
      async (ask) => {
        const run = (prompts: string[], priority: number) =>
          define<object>()
            .batch({
              name: "ask",
              concurrency: 3,
              prep: () => prompts,
              exec: (prompt: string) => ask(limited, prompt),
              post: () => {},
            })
            .run({}, { priority })
        const slow = run(["1", "2", "3"], 0)
        while (limited.snapshot()[0]?.waiting !== 2) await new Promise((next) => setImmediate(next))
        await Promise.all([slow, run(["urgent 1", "urgent 2"], 1)])
      },
    )
    expect(order).toEqual(["1", "urgent 1", "urgent 2", "2", "3"])
  })
})
