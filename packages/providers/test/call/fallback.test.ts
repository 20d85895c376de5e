import { describe, expect, it } from "vitest"
import { bench, completion, eventStream, inFlight, openaiError } from "../fake-vendor.ts"

const models = (sent: readonly { body: Record<string, unknown> }[]): unknown[] => sent.map((call) => call.body["model"])
const keyOf = (call: { init: RequestInit }): string => new Headers(call.init.headers).get("authorization")!.slice(7)

describe("fallback", () => {
  it("goes to the next model when the first would keep it waiting too long, and only then", async () => {
    const { chat, clock, sent } = bench(
      (_n, { body }) =>
        body["model"] === "gpt-5-mini"
          ? openaiError(429, "rate_limit_exceeded", { "retry-after": "90" })
          : completion(),
      { fallback: [{ model: "gpt-5-nano", when: { waitMs: 10_000 } }] },
    )
    expect((await clock.run(chat())).status).toBe(200)
    expect((await clock.run(chat())).status).toBe(200)
    // The gate of the first model is known to be shut: the second call does not even ask there.
    expect(models(sent)).toEqual(["gpt-5-mini", "gpt-5-nano", "gpt-5-nano"])
    expect(clock.now()).toBeLessThan(10_000)
  })

  it("waits where the wait is short enough", async () => {
    const { chat, clock, sent } = bench(
      (n) => (n === 0 ? openaiError(429, "rate_limit_exceeded", { "retry-after": "5" }) : completion()),
      {
        fallback: [{ model: "gpt-5-nano", when: { waitMs: 10_000 } }],
      },
    )
    await clock.run(chat())
    expect(models(sent)).toEqual(["gpt-5-mini", "gpt-5-mini"])
  })

  it("goes on when the account is refused, with the other key", async () => {
    const { chat, clock, sent } = bench(
      (_n, call) => (keyOf(call) === "sk-secret" ? openaiError(429, "insufficient_quota") : completion()),
      {
        fallback: [{ key: "sk-second" }],
      },
    )
    expect((await clock.run(chat())).status).toBe(200)
    expect((await clock.run(chat())).status).toBe(200)
    expect(sent.map(keyOf)).toEqual(["sk-secret", "sk-second", "sk-second"])
  })

  it("goes on when there is no capacity, after all attempts", async () => {
    const { chat, clock, sent } = bench(
      (_n, { body }) => (body["model"] === "big" ? openaiError(503, "server_is_overloaded") : completion()),
      {
        retry: { maxAttempts: 2 },
        fallback: [{ model: "small" }],
      },
    )
    expect((await clock.run(chat({ model: "big" }))).status).toBe(200)
    expect(models(sent)).toEqual(["big", "big", "small"])
  })

  it("does not go on when the request is at fault, nor against `when`, and the last answer is the vendor's", async () => {
    const wrong = bench(() => openaiError(400, "invalid_request_error"), { fallback: [{ model: "other" }] })
    expect((await wrong.clock.run(wrong.chat())).status).toBe(400)
    expect(wrong.sent).toHaveLength(1)
    const told = bench(() => openaiError(401, "invalid_api_key"), {
      fallback: [{ model: "other", when: { fatal: false } }],
    })
    expect((await told.clock.run(told.chat())).status).toBe(401)
    expect(told.sent).toHaveLength(1)
    const all = bench(() => openaiError(429, "insufficient_quota"), { fallback: [{ key: "sk-2" }, { key: "sk-3" }] })
    const response = await all.clock.run(all.chat())
    expect([response.status, await response.json()]).toMatchObject([429, { error: { code: "insufficient_quota" } }])
    expect(all.sent).toHaveLength(3)
  })

  it("takes a Request and a stream, and leaves no permit behind", async () => {
    const piece = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    const { fetch, clock, sent } = bench(
      (n) => (n === 0 ? openaiError(429, "insufficient_quota") : eventStream([piece, "data: [DONE]\n\n"])),
      { fallback: [{ key: "k2", model: "other" }] },
    )
    const request = new Request("https://api.openai.com/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer k1", "content-type": "application/json" },
      body: '{"model":"m","stream":true}',
    })
    const response = await clock.run(fetch(request))
    expect(await clock.run(response.text())).toBe(`${piece}data: [DONE]\n\n`)
    expect(models(sent)).toEqual(["m", "other"])
    expect(inFlight(fetch)).toBe(0)
  })
})

describe("several keys", () => {
  it("spread the load by free capacity", async () => {
    const { chat, clock, sent } = bench(
      () => new Promise<Response>((resolve) => clock.setTimer(1000, () => resolve(completion()))),
      {
        keys: ["sk-1", "sk-2", "sk-3"],
        concurrency: 2,
      },
    )
    await clock.run(Promise.all(Array.from({ length: 6 }, () => chat())))
    expect(clock.now()).toBe(1000)
    expect(sent.map(keyOf).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "sk-1",
      "sk-1",
      "sk-2",
      "sk-2",
      "sk-3",
      "sk-3",
    ])
  })

  it("a refused key is left out; no key is told to anybody", async () => {
    const { chat, clock, sent, events, fetch } = bench(
      (_n, call) => (keyOf(call) === "sk-broke-12345" ? openaiError(429, "insufficient_quota") : completion()),
      {
        keys: ["sk-broke-12345", "sk-solvent-12345"],
      },
    )
    for (let i = 0; i < 3; i++) expect((await clock.run(chat())).status).toBe(200)
    expect(sent.map(keyOf)).toEqual(["sk-broke-12345", "sk-solvent-12345", "sk-solvent-12345", "sk-solvent-12345"])
    expect(JSON.stringify([events, fetch.snapshot()])).not.toContain("12345")
  })
})

describe("a fallback that is a function", () => {
  it("may send the call to another vendor, under its own quota, and answer in the caller's form", async () => {
    const elsewhere = "https://openrouter.ai/api/v1/chat/completions"
    const { chat, clock, sent, fetch } = bench(
      (_n, { url }) => (url === elsewhere ? completion() : openaiError(503, "server_is_overloaded")),
      {
        retry: { maxAttempts: 1 },
        fallback: [
          {
            send: async ({ body, fetch: limited }) =>
              limited(elsewhere, {
                method: "POST",
                headers: { authorization: "Bearer other", "content-type": "application/json" },
                body: JSON.stringify({ ...body, model: "other/model" }),
              }),
          },
        ],
      },
    )
    expect((await clock.run(chat())).status).toBe(200)
    expect(sent.map(({ url, body }) => [new URL(url).host, (body as { model: string }).model])).toEqual([
      ["api.openai.com", "gpt-5-mini"],
      ["openrouter.ai", "other/model"],
    ])
    expect(fetch.snapshot().map(({ name }) => name.split("/")[0])).toEqual(["openai", "openrouter"])
    expect(inFlight(fetch)).toBe(0)
  })

  it("that fails or is refused itself gives way to the next; the last one's word is final", async () => {
    const { chat, clock } = bench(() => openaiError(503, "server_is_overloaded"), {
      retry: { maxAttempts: 1 },
      fallback: [
        { send: async () => Promise.reject(new TypeError("no route")) },
        { send: async () => openaiError(503, "busy_there") },
        { send: async () => completion() },
      ],
    })
    expect((await clock.run(chat())).status).toBe(200)

    const last = bench(() => openaiError(503, "server_is_overloaded"), {
      retry: { maxAttempts: 1 },
      fallback: [{ send: async () => Promise.reject(new TypeError("no route")) }],
    })
    await expect(last.clock.run(last.chat())).rejects.toThrow("no route")
  })
})
