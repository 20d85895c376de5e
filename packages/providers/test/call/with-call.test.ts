import { currentScope, runInScope, SluiceError, type SluiceEvent, type TaskScope } from "@sluice/core"
import OpenAI from "openai"
import { describe, expect, it } from "vitest"
import { limitedFetch, openaiOptions, withCall } from "../../src/index.ts"
import { bench, completion } from "../fake-vendor.ts"
import { scriptedServer } from "../scripted-server.ts"

describe("withCall", () => {
  it("tells priority and tenant of the calls inside, through any SDK, and nothing of it reaches the vendor", async () => {
    const sent: string[] = []
    const server = await scriptedServer((_n, response, request) => {
      sent.push(JSON.stringify([request.rawHeaders, request.url]))
      response.setHeader("content-type", "application/json")
      response.end('{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
    })
    const events: SluiceEvent[] = []
    const fetch = limitedFetch({ onEvent: (event) => events.push(event), keyBy: () => ({ tenant: "nobody" }) })
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "sk", ...openaiOptions(fetch) })
    const ask = (): Promise<unknown> => openai.chat.completions.create({ model: "m", messages: [] })
    await withCall({ priority: 7, tenant: "acme" }, async () => {
      await ask()
      await withCall({ priority: 9 }, ask)
    })
    await ask()
    const tenants = events.filter((event) => event.type === "permit-admit").map(({ tenant }) => tenant)
    expect(tenants).toEqual(["acme", "acme", "nobody"])
    expect(server.calls).toHaveLength(3)
    expect(sent.join()).not.toMatch(/acme|priority|tenant/i)
  })

  it("an interactive call goes before a batch that waits already", async () => {
    const { chat, clock, sent } = bench(() => completion(), {
      requestsPerMinute: { limit: 60, kind: "bucket", burst: 1 },
    })
    const batch = Array.from({ length: 5 }, () => chat({ model: "batch" }))
    const urgent = withCall({ priority: 100 }, () => chat({ model: "batch", body: { user: "urgent" } }))
    await clock.run(Promise.all([...batch, urgent]))
    expect(sent.findIndex(({ body }) => (body as { user?: string }).user === "urgent")).toBeLessThanOrEqual(1)
  })

  it("bounds the wait for admission; the shorter of two bounds counts", async () => {
    for (const [options, inner] of [
      [{}, 5000],
      [{ maxWaitMs: 5000 }, 60_000],
    ] as const) {
      const { chat, clock } = bench(() => completion(), { requestsPerMinute: { limit: 1, kind: "bucket" }, ...options })
      await clock.run(chat())
      const error: unknown = await clock.run(
        withCall({ maxWaitMs: inner }, () => chat()).catch((caught: unknown) => caught),
      )
      expect(SluiceError.isInstance(error) && error.code).toBe("deadline-unreachable")
      expect(clock.now()).toBeLessThanOrEqual(5000)
    }
  })

  it("inside an item it is still the item's call: cancelled with it, accounted to it", async () => {
    const { chat, clock } = bench(() => completion())
    const spent: unknown[] = []
    const scope: TaskScope = {
      parent: undefined,
      site: "n[0]",
      waiting: 0,
      holding: 0,
      spend: (cost) => spent.push(cost),
    }
    await clock.run(runInScope(scope, () => withCall({ priority: 1 }, () => chat())))
    expect(spent).toHaveLength(1)
    expect(scope).toMatchObject({ waiting: 0, holding: 0 })
    const controller = new AbortController()
    controller.abort(new Error("item gone"))
    const cancelled: TaskScope = { ...scope, signal: controller.signal }
    await expect(runInScope(cancelled, () => withCall({}, () => chat()))).rejects.toThrow("item gone")
    expect(withCall({ tenant: "t" }, () => currentScope()?.site)).toBe("withCall")
  })

  it("refuses options that it does not know", () => {
    expect(() => withCall({ prioriy: 1 } as never, () => {})).toThrow(
      /withCall: unknown option "prioriy"\. Did you mean "priority"\?/,
    )
    expect(() => withCall({ priority: "high" } as never, () => {})).toThrow(/withCall: priority must be a number/)
  })
})
