import { runInScope, SluiceError, type SluiceEvent, type TaskScope } from "@sluice/core"
import { seededRandom } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { type LimitedFetchOptions, openai, type Vendor, VendorError } from "../../src/index.ts"
import { bench, completion, eventStream, inFlight, json, openaiError } from "../fake-vendor.ts"

describe("what passes", () => {
  it("hands the vendor's answer through, byte for byte", async () => {
    const bytes = '{ "id":"x",  "usage": {"prompt_tokens":1,"completion_tokens":2}, "ü": 1 }\n'
    const { chat, clock, sent } = bench(
      () => new Response(bytes, { status: 200, headers: { "content-type": "application/json", "x-request-id": "r" } }),
    )
    const response = await clock.run(chat())
    expect(await response.text()).toBe(bytes)
    expect(response.headers.get("x-request-id")).toBe("r")
    expect(sent).toHaveLength(1)
  })

  it("leaves requests that are no model calls untouched: same arguments, same response object", async () => {
    const original = json(200, {})
    const { fetch, clock } = bench(() => original, { concurrency: 1 })
    expect(await clock.run(fetch("https://api.openai.com/v1/models"))).toBe(original)
    expect(fetch.snapshot()).toEqual([])
  })

  it("sends the caller's request as it is", async () => {
    const { chat, clock, sent } = bench(() => completion())
    await clock.run(chat())
    expect(sent[0]!.init).toMatchObject({ method: "POST", headers: { Authorization: "Bearer sk-secret" } })
    expect(sent[0]!.body).toEqual({ model: "gpt-5-mini", messages: [{ role: "user", content: "a secret prompt" }] })
  })

  it("takes a Request object, and can send it again", async () => {
    const { fetch, clock, sent } = bench((n) => (n === 0 ? openaiError(500, "server_error") : completion()))
    const request = new Request("https://api.openai.com/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer k", "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-5-mini" }),
    })
    expect((await clock.run(fetch(request))).status).toBe(200)
    expect(sent.map((call) => call.body)).toEqual([{ model: "gpt-5-mini" }, { model: "gpt-5-mini" }])
  })

  it("buffers a streamed JSON body, and can send it again", async () => {
    const { fetch, clock, sent } = bench((n) => (n === 0 ? openaiError(500, "server_error") : completion()))
    const body = new Blob([JSON.stringify({ model: "gpt-5-mini" })]).stream()
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit
    expect((await clock.run(fetch("https://api.openai.com/v1/chat/completions", init))).status).toBe(200)
    expect(sent.map((call) => call.body)).toEqual([{ model: "gpt-5-mini" }, { model: "gpt-5-mini" }])
  })
})

describe("quotas", () => {
  it("keeps the stated rate, whoever calls", async () => {
    const { chat, clock, sent } = bench(() => completion(), {
      requestsPerMinute: { limit: 60, kind: "bucket", burst: 1 },
    })
    await clock.run(Promise.all(Array.from({ length: 5 }, () => chat())))
    expect(sent.map((call) => Math.round(call.atMs / 1000))).toEqual([0, 1, 2, 3, 4])
  })

  it("keeps accounts apart by a hash of their key, and models by pattern", async () => {
    const { chat, fetch, clock } = bench(() => completion(), {
      limits: { "gpt-5*": { concurrency: 3 }, "o4-mini": { concurrency: 2 } },
    })
    await clock.run(
      Promise.all([
        chat(),
        chat({ model: "gpt-5-nano" }),
        chat({ model: "o4-mini" }),
        chat({ key: "sk-other" }),
        chat({ model: "unknown-1" }),
      ]),
    )
    const names = fetch.snapshot().map((one) => one.name)
    expect(names).toHaveLength(4)
    expect(names.map((name) => name.split("/")[2])).toEqual(["gpt-5*", "o4-mini", "gpt-5*", "unknown-1"])
    expect(new Set(names.map((name) => name.split("/")[1])).size).toBe(2)
  })

  it("keyBy names account and tenant", async () => {
    const { chat, fetch, events, clock } = bench(() => completion(), {
      keyBy: ({ header }) => ({ account: "team", tenant: header("authorization")!.slice(-1) }),
    })
    await clock.run(Promise.all([chat({ key: "a" }), chat({ key: "b" })]))
    expect(fetch.snapshot().map((one) => one.name)).toEqual(["openai/team/gpt-5-mini"])
    expect(events.filter((event) => event.type === "permit-admit").map((event) => event.tenant)).toEqual(["a", "b"])
  })

  it("explain says why calls wait, across quotas, and as many as are asked for", async () => {
    const { chat, fetch, clock } = bench(
      () => new Promise<Response>((resolve) => clock.setTimer(1_000, () => resolve(completion()))),
      { limits: { "gpt-5*": { concurrency: 1 }, "o4-mini": { concurrency: 1 } } },
    )
    const model = "o4-mini"
    const calls = [chat(), chat(), chat(), chat({ model }), chat({ model })]
    await clock.advance(100)
    const shown = fetch.explain().map(({ quota, blockedBy, waitedMs }) => [quota.split("/")[2], blockedBy, waitedMs])
    expect(shown).toEqual([
      ["gpt-5*", "concurrency", 100],
      ["gpt-5*", "concurrency", 100],
      ["o4-mini", "concurrency", 100],
    ])
    expect(fetch.explain(1)).toHaveLength(1)
    await clock.run(Promise.all(calls))
    expect(fetch.explain()).toEqual([])
  })

  const told = (remaining: number, reset: string): Response =>
    completion(undefined, {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": String(remaining),
      "x-ratelimit-reset-requests": reset,
    })

  it("what remains is less what has left since: no room is seen twice (peer defect 17)", async () => {
    const { chat, clock, sent } = bench(
      (n) => new Promise<Response>((resolve) => clock.setTimer(n === 0 ? 10 : 20_000, () => resolve(told(59, "1s")))),
      { requestsPerMinute: { limit: 60, kind: "bucket" } },
    )
    const before = Array.from({ length: 59 }, () => chat())
    // The first answer has counted itself alone: to it, 59 more would fit.
    const after = before[0]!.then(() => Promise.all([chat(), chat(), chat()]))
    await clock.run(Promise.all([...before, after]))
    expect(sent).toHaveLength(62)
    const late = sent.slice(-2).map(({ atMs }) => Math.round(atMs / 1000))
    expect(late).toEqual([1, 2])
  })

  it("the next call goes when there is room for it, not when all of the limit is back (peer defect 18)", async () => {
    const { chat, clock, sent } = bench(() => told(0, "60s"))
    await clock.run(chat())
    await clock.run(chat())
    expect(sent[1]!.atMs).toBeGreaterThan(500)
    expect(sent[1]!.atMs).toBeLessThan(5000)
  })

  it("a vendor of your own is an object of pure functions", async () => {
    const gateway: Vendor = {
      ...openai,
      name: "gateway",
      recognise: ({ pathname }) => (pathname === "/llm" ? { endpoint: "chat/completions", model: "house" } : undefined),
    }
    const { chat, fetch, clock, events } = bench((n) => (n === 0 ? openaiError(503, "busy") : completion()), {
      vendor: gateway,
    })
    await clock.run(chat({ url: "https://gateway.example/llm" }))
    expect(fetch.snapshot().map(({ name }) => name.replace(/\/.*\//, "/*/"))).toEqual(["gateway/*/house"])
    expect(events.filter((event) => event.type === "http-attempt").map(({ status }) => status)).toEqual([503, 200])
  })

  it("sends a call whose estimate alone is above the limit, and refuses for good only what max_tokens makes certain", async () => {
    const { chat, clock, sent } = bench(
      () => completion({ prompt_tokens: 880, completion_tokens: 5, total_tokens: 885 }),
      { tokensPerMinute: { limit: 1_000, kind: "bucket" } },
    )
    const messages = [{ role: "user", content: "long ".repeat(1_000) }]
    // 5,000 characters are taken for 1,250 tokens, and are 880.
    expect((await clock.run(chat({ body: { messages } }))).status).toBe(200)
    const tooMuch = chat({ body: { max_tokens: 1_001 } })
    await expect(clock.run(tooMuch)).rejects.toMatchObject({ code: "cost-exceeds-limit" })
    expect(sent).toHaveLength(1)
  })

  it("charges the estimate at admission and the usage at settle", async () => {
    const { chat, fetch, clock } = bench(
      () => completion({ prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 }),
      {
        vendor: "openai-compatible",
        tokensPerMinute: { limit: 6000, kind: "bucket" },
      },
    )
    await clock.run(chat())
    expect(fetch.snapshot()[0]!.limits.find((one) => one.name === "tokensPerMinute")!.level).toBeCloseTo(4500, -2)
  })
})

describe("retries: each attempt admitted and charged anew", () => {
  it("waits as long as Retry-After says, for everybody (peer defect 5)", async () => {
    const { chat, clock, sent } = bench(
      (n) => (n === 0 ? openaiError(429, "rate_limit_exceeded", { "retry-after": "90" }) : completion()),
      { requestsPerMinute: 1000 },
    )
    const first = chat()
    const second = clock.run(first).then(() => sent.length)
    await second
    const later = sent.slice(1)
    expect((await first).status).toBe(200)
    expect(later.every((call) => call.atMs >= 90_000)).toBe(true)
  })

  it("no call of any worker goes out before the vendor's time", async () => {
    const { chat, clock, sent } = bench(
      (n) => (n === 0 ? openaiError(429, "rate_limit_exceeded", { "retry-after": "90" }) : completion()),
      { concurrency: 1 },
    )
    const responses = await clock.run(Promise.all(Array.from({ length: 10 }, () => chat())))
    expect(responses.map((response) => response.status)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(sent).toHaveLength(11)
    expect(sent.slice(1).every((call) => call.atMs >= 90_000)).toBe(true)
  })

  it("charges refused and failed attempts (peer defect 16)", async () => {
    const { chat, clock, sent, events } = bench((n) => (n < 3 ? openaiError(500, "server_error") : completion()), {
      requestsPerMinute: 100,
    })
    await clock.run(chat())
    expect(sent).toHaveLength(4)
    expect(events.filter((event) => event.type === "permit-admit")).toHaveLength(4)
    expect(events.filter((event) => event.type === "permit-settle")).toHaveLength(4)
  })

  it.each([500, 502, 503, 529, 408, 409])(
    "%i is tried again, up to maxAttempts, then handed through",
    async (status) => {
      const { chat, clock, sent, fetch } = bench(() => openaiError(status, "server_error"), {
        retry: { maxAttempts: 3 },
      })
      const response = await clock.run(chat())
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ error: { code: "server_error" } })
      expect(sent).toHaveLength(3)
      expect(inFlight(fetch)).toBe(0)
    },
  )

  it.each([400, 403, 404, 422])("%i is final: one call", async (status) => {
    const { chat, clock, sent } = bench(() => openaiError(status, "invalid_request_error"))
    expect((await clock.run(chat())).status).toBe(status)
    expect(sent).toHaveLength(1)
  })

  it("tries a broken connection again, then throws a VendorError that tells the attempts", async () => {
    const broken = Object.assign(new TypeError("fetch failed"), {
      cause: Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" }),
    })
    const { chat, clock, sent, fetch } = bench(() => Promise.reject(broken), { retry: { maxAttempts: 3 } })
    const error = await clock.run(chat().catch((caught: unknown) => caught))
    expect(sent).toHaveLength(3)
    expect(error).toBeInstanceOf(VendorError)
    expect(error).toMatchObject({ code: "connection", vendor: "openai", model: "gpt-5-mini", cause: broken })
    expect((error as VendorError).attempts).toHaveLength(3)
    expect((error as VendorError).message).toContain("UND_ERR_SOCKET")
    expect(inFlight(fetch)).toBe(0)
  })

  it("a VendorError names what the vendor did answer before: status, request id, delays", async () => {
    const { chat, clock } = bench(
      (n) => {
        if (n === 0) return openaiError(429, "rate_limit_exceeded", { "retry-after": "2", "x-request-id": "req_1" })
        if (n === 1) return openaiError(503, "server_is_overloaded", { "retry-after-ms": "70", "request-id": "req_2" })
        return Promise.reject(new TypeError("fetch failed"))
      },
      { retry: { maxAttempts: 2 } },
    )
    const error = await clock.run(chat().catch((caught: unknown) => caught))
    expect(error).toMatchObject({ code: "connection", status: 503, requestId: "req_2", retryable: true })
    expect((error as VendorError).attempts).toEqual([
      { attempt: 1, code: "rate_limit_exceeded", status: 429, requestId: "req_1", delayMs: 2000 },
      {
        attempt: 2,
        code: "server_is_overloaded",
        status: 503,
        requestId: "req_2",
        delayMs: expect.any(Number) as number,
      },
      { attempt: 3, code: "connection" },
    ])
  })

  it("tries truncated and malformed answers again", async () => {
    const half = '{"id":"chatcmpl-1","choi'
    const { chat, clock, sent } = bench((n) =>
      n === 0 ? new Response(half, { headers: { "content-type": "application/json" } }) : completion(),
    )
    expect(await (await clock.run(chat())).json()).toMatchObject({ id: "chatcmpl-1" })
    expect(sent).toHaveLength(2)
  })

  it("times an attempt out, apart from the wait for admission", async () => {
    const { chat, clock, sent } = bench((n) => (n === 0 ? new Promise<Response>(() => {}) : completion()), {
      timeoutMs: 1000,
      requestsPerMinute: { limit: 6, kind: "bucket", burst: 1 },
    })
    expect((await clock.run(chat())).status).toBe(200)
    // The second attempt waited ten seconds for its permit: longer than the time-out, which does not run then.
    expect(sent.map((call) => Math.round(call.atMs / 1000))).toEqual([0, 10])
  })

  it("gives the last real answer when the wait would be too long", async () => {
    const { chat, clock, sent } = bench(() => openaiError(429, "rate_limit_exceeded", { "retry-after": "90" }), {
      maxWaitMs: 10_000,
    })
    const response = await clock.run(chat())
    expect(response.status).toBe(429)
    expect(response.headers.get("retry-after")).toBe("90")
    expect(sent).toHaveLength(1)
  })

  it("gives up after maxRefusals", async () => {
    const { chat, clock, sent } = bench(() => openaiError(429, "rate_limit_exceeded", { "retry-after": "1" }), {
      retry: { maxRefusals: 4 },
    })
    expect((await clock.run(chat())).status).toBe(429)
    expect(sent).toHaveLength(5)
  })
})

describe("fatal answers (peer defect 10)", () => {
  it("one call, and the whole queue of the account ends with the vendor's own refusal", async () => {
    const { chat, clock, sent, fetch } = bench(
      (_n, { body }) =>
        body["model"] === "other"
          ? completion()
          : openaiError(429, "insufficient_quota", {}, "You exceeded your current quota"),
      { limits: { "gpt-*": { concurrency: 1 } } },
    )
    const responses = await clock.run(Promise.all(Array.from({ length: 50 }, () => chat())))
    expect(sent).toHaveLength(1)
    expect(responses.every((response) => response.status === 429)).toBe(true)
    const bodies = await Promise.all(responses.map((response) => response.json()))
    expect(bodies.every((body) => (body as { error: { code: string } }).error.code === "insufficient_quota")).toBe(true)
    expect(responses[9]!.headers.get("x-should-retry")).toBe("false")
    expect(responses[9]!.headers.get("x-sluice-code")).toBe("quota-exhausted")
    // Another model of that account is refused without a call, another account goes on.
    expect((await clock.run(chat({ model: "other" }))).status).toBe(429)
    expect((await clock.run(chat({ model: "other", key: "sk-paid" }))).status).toBe(200)
    expect(sent).toHaveLength(2)
    fetch.reopen()
    expect((await clock.run(chat({ model: "other" }))).status).toBe(200)
  })

  it("ends what waits in the queue of another model of the same account", async () => {
    const { chat, clock, sent } = bench(
      async (_n, { body }) => {
        if (body["model"] === "slow")
          return new Promise<Response>((resolve) => clock.setTimer(60_000, () => resolve(completion())))
        return openaiError(401, "invalid_api_key", {}, "Incorrect API key provided: sk-sec***ret")
      },
      { limits: { slow: { concurrency: 1 } } },
    )
    const holder = chat({ model: "slow" })
    const waiting = chat({ model: "slow" })
    const settled = waiting.then((response) => [response.status, clock.now()])
    await clock.run(chat({ model: "gpt-5" }))
    expect(await clock.run(settled)).toEqual([401, 0])
    expect((await clock.run(holder)).status).toBe(200)
    expect(sent).toHaveLength(2)
  })

  it("a day's end fails that model's queue with the vendor's answer, or pauses by policy; other models go on", async () => {
    const message = "Rate limit reached on requests per day (RPD): Limit 200, Used 200. Please try again in 2h0m0s."
    const script = (n: number): Response =>
      n === 0 ? openaiError(429, "rate_limit_exceeded", {}, message) : completion()
    const failing = bench(script, { limits: { "gpt-5-mini": { concurrency: 1, requestsPerDay: 200 } } })
    const responses = await failing.clock.run(Promise.all([failing.chat(), failing.chat(), failing.chat()]))
    expect(responses.map((response) => response.status)).toEqual([429, 429, 429])
    expect(failing.sent).toHaveLength(1)
    expect((await failing.clock.run(failing.chat({ model: "other" }))).status).toBe(200)

    const pausing = bench(script, { requestsPerDay: 200, onExhausted: "pause" })
    expect((await pausing.clock.run(pausing.chat())).status).toBe(200)
    expect(pausing.sent[1]!.atMs).toBeGreaterThanOrEqual(7_200_000)
  })

  it("budgetUsd stops before the call that would exceed it", async () => {
    const { chat, clock, sent } = bench(
      () => completion({ prompt_tokens: 100_000, completion_tokens: 100_000, total_tokens: 200_000 }),
      {
        budgetUsd: 0.7,
        prices: { "gpt-5-mini": { input: 1, output: 2 } },
      },
    )
    await clock.run(chat())
    await clock.run(chat())
    const error = await clock.run(chat().catch((caught: unknown) => caught))
    expect(sent).toHaveLength(2)
    expect(SluiceError.isInstance(error) && error.code).toBe("budget-exhausted")
  })
})

describe("aborts", () => {
  it("ends the wait for admission at once, with the caller's reason", async () => {
    const { chat, clock, fetch, sent } = bench(
      () => new Promise<Response>((resolve) => clock.setTimer(5000, () => resolve(completion()))),
      { concurrency: 1 },
    )
    const running = chat()
    const controller = new AbortController()
    const waiting = chat({ signal: controller.signal }).catch((error: unknown) => [error, clock.now()])
    clock.setTimer(100, () => controller.abort("enough"))
    expect(await clock.run(waiting)).toEqual(["enough", 100])
    expect((await clock.run(running)).status).toBe(200)
    expect([sent.length, inFlight(fetch)]).toEqual([1, 0])
  })

  it("ends a backoff, and a call in flight, at once", async () => {
    for (const script of [() => openaiError(500, "server_error"), () => new Promise<Response>(() => {})]) {
      const { chat, clock, fetch } = bench(script)
      const controller = new AbortController()
      const call = chat({ signal: controller.signal }).catch((error: unknown) => [error, clock.now()])
      clock.setTimer(20, () => controller.abort("enough"))
      expect(await clock.run(call)).toEqual(["enough", 20])
      expect(inFlight(fetch)).toBe(0)
    }
  })

  it("a call made inside an item is cancelled with it, and its usage is the item's", async () => {
    const { chat, clock } = bench(
      () => new Promise<Response>((resolve) => clock.setTimer(1000, () => resolve(completion()))),
    )
    const spent: unknown[] = []
    const controller = new AbortController()
    const scope: TaskScope = {
      parent: undefined,
      site: "n[0]",
      signal: controller.signal,
      waiting: 0,
      holding: 0,
      spend: (cost) => spent.push(cost),
    }
    await clock.run(runInScope(scope, () => chat()))
    expect(spent).toEqual([{ requests: 1, inputTokens: 10, outputTokens: 5, usd: expect.any(Number) as number }])
    const second = runInScope(scope, () => chat()).catch((error: unknown) => error)
    clock.setTimer(10, () => controller.abort("item gone"))
    expect(await clock.run(second)).toBe("item gone")
    expect(scope).toMatchObject({ waiting: 0, holding: 0 })
  })
})

describe("what is told", () => {
  it("one event per attempt and one of usage per answer; no key, no prompt anywhere", async () => {
    const { chat, clock, events, fetch } = bench((n) =>
      n === 0
        ? openaiError(429, "rate_limit_exceeded", { "retry-after": "2" }, "slow, Bearer sk-secret-key-123456")
        : n === 1
          ? openaiError(500, "server_error")
          : completion(),
    )
    await clock.run(chat())
    const attempts = events.filter((event) => event.type === "http-attempt")
    expect(attempts.map(({ attempt, status, decision }) => [attempt, status, decision])).toEqual([
      [1, 429, "wait"],
      [2, 500, "retry"],
      [3, 200, "ok"],
    ])
    expect(events.filter((event) => event.type === "usage")).toMatchObject([
      { model: "gpt-5-mini", cost: { inputTokens: 10, outputTokens: 5 } },
    ])
    const told = JSON.stringify([events, fetch.snapshot()])
    expect(told).not.toContain("sk-secret")
    expect(told).not.toContain("secret prompt")
  })

  it("an answer that nobody counted is accounted as it was estimated", async () => {
    const told = async (url: string, body: object, answer: object): Promise<SluiceEvent[]> => {
      const { clock, fetch, events } = bench(() => json(200, answer))
      await clock.run(
        fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      )
      return events.filter((event) => event.type === "usage")
    }
    const gemini = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents"
    const requests = [{ content: { parts: [{ text: "x".repeat(400) }] } }]
    expect(await told(gemini, { requests }, { embeddings: [{ values: [1] }] })).toMatchObject([
      { model: "gemini-embedding-001", cost: { requests: 1, inputTokens: 100, outputTokens: 0 }, estimated: true },
    ])
    const chat = { model: "m", messages: [{ role: "user", content: "x".repeat(400) }], max_tokens: 7 }
    const answer = { choices: [{ message: { role: "assistant", content: "hi" } }] }
    expect(await told("http://localhost:11434/v1/chat/completions", chat, answer)).toMatchObject([
      { model: "m", cost: { requests: 1, outputTokens: 7 }, estimated: true },
    ])
  })

  it("warns once of an SDK that retries on its own", async () => {
    const { fetch, clock, events } = bench(() => completion())
    for (const count of ["0", "1", "2"]) {
      await clock.run(
        fetch("https://api.openai.com/v1/responses", {
          method: "POST",
          headers: { "X-Stainless-Retry-Count": count },
          body: '{"model":"m"}',
        }),
      )
    }
    await expect
      .poll(() => events.filter((event) => event.type === "warning"))
      .toMatchObject([{ code: "stacked-retries" }])
  })
})

describe("stacked retries", () => {
  it.each(["a", "b"])("are noticed by the same body coming again after its final failure (%s)", async (second) => {
    const { chat, clock, events } = bench(() => openaiError(500, "server_error"), { retry: { maxAttempts: 1 } })
    const say = (content: string): object => ({ messages: [{ role: "user", content }] })
    await clock.run(chat({ body: say("a") }))
    await clock.run(chat({ body: say(second) }))
    await clock.run(chat({ body: say(second) }))
    const warnings = () => events.filter((event) => event.type === "warning")
    await expect.poll(warnings).toMatchObject([{ code: "stacked-retries" }])
    expect(JSON.stringify(warnings())).toContain("maxRetries")
  })

  it("are not: a call that was at fault itself, one that succeeded, or one a minute later", async () => {
    const { chat, clock, events } = bench(
      (_n, { body }) =>
        body["model"] === "m" ? completion() : openaiError(body["model"] === "wrong" ? 400 : 500, "x"),
      { retry: { maxAttempts: 1 } },
    )
    for (const model of ["wrong", "wrong", "m", "m", "down"]) await clock.run(chat({ model }))
    await clock.run(new Promise<void>((resolve) => void clock.setTimer(61_000, resolve)))
    await clock.run(chat({ model: "down" }))
    expect(events.filter((event) => event.type === "warning")).toEqual([])
  })
})

describe("idempotency keys", () => {
  const keyOf = (init: RequestInit): string | null => new Headers(init.headers).get("idempotency-key")
  const failTwice = (n: number): Response => (n < 2 ? openaiError(500, "server_error") : completion())

  it("are the same for every attempt of a call, another for another call, in whatever form headers come", async () => {
    for (const headers of [{ a: "b" }, [["a", "b"]] as [string, string][], new Headers({ a: "b" }), undefined]) {
      const { fetch, clock, sent } = bench(failTwice, { random: seededRandom(1) })
      const init = { method: "POST", body: '{"model":"m"}', ...(headers ? { headers } : {}) }
      await clock.run(fetch("https://api.openai.com/v1/responses", init))
      await clock.run(fetch("https://api.openai.com/v1/responses", init))
      const keys = sent.map((call) => keyOf(call.init))
      expect(keys[0]).toMatch(/^sluice-.{16,}$/)
      expect(keys.slice(0, 3)).toEqual([keys[0], keys[0], keys[0]])
      expect(keys[3]).not.toBe(keys[0])
      if (headers) expect(new Headers(sent[2]!.init.headers).get("a")).toBe("b")
      expect(init).toEqual({ method: "POST", body: '{"model":"m"}', ...(headers ? { headers } : {}) })
    }
  })

  it("are left to a caller who sends one, and to vendors that have none", async () => {
    const { fetch, clock, sent } = bench(() => completion())
    const post = { method: "POST", body: '{"model":"m"}' }
    await clock.run(fetch("https://api.openai.com/v1/responses", { ...post, headers: { "Idempotency-Key": "mine" } }))
    await clock.run(fetch("https://api.anthropic.com/v1/messages", post))
    expect(sent.map((call) => keyOf(call.init))).toEqual(["mine", null])
  })
})

describe("streams", () => {
  const chunk = (text: string): string => `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`
  const usage = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n'

  it("hold their permit until the end, byte for byte, and count the usage of the last event", async () => {
    const pieces = [chunk("a"), chunk("ü").slice(0, 30), chunk("ü").slice(30), usage, "data: [DONE]\n\n"]
    const { chat, clock, fetch, events } = bench(() => eventStream(pieces))
    const response = await clock.run(chat({ body: { stream: true } }))
    expect(inFlight(fetch)).toBe(1)
    expect(await clock.run(response.text())).toBe(pieces.join(""))
    expect(inFlight(fetch)).toBe(0)
    expect(events.filter((event) => event.type === "usage")).toMatchObject([
      { cost: { inputTokens: 7, outputTokens: 3 } },
    ])
  })

  it("free their permit at once when the reader cancels, and cancel the vendor's stream", async () => {
    let cancelled = false
    const { chat, clock, fetch } = bench(() =>
      eventStream(
        [chunk("a"), chunk("b")],
        () => new Promise(() => {}),
        () => (cancelled = true),
      ),
    )
    const response = await clock.run(chat({ body: { stream: true } }))
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    expect([inFlight(fetch), cancelled]).toEqual([0, true])
  })

  it("are accounted as far as they came when they are cut: by the reader, by an abort, by the vendor", async () => {
    const counted = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}\n\n'
    const used = async (
      pieces: string[],
      cut: (body: ReadableStreamDefaultReader<Uint8Array>, abort: () => void) => Promise<unknown>,
    ): Promise<unknown> => {
      const controller = new AbortController()
      const { chat, clock, events } = bench((_n, { init }) =>
        eventStream(pieces, (n) => (n < 3 ? Promise.resolve() : abortOf(init.signal!))),
      )
      const reader = (await clock.run(chat({ body: { stream: true }, signal: controller.signal }))).body!.getReader()
      for (let i = 0; i < 3; i++) await reader.read()
      await cut(reader, () => controller.abort())
      return events
        .filter((event) => event.type === "usage")
        .map(({ cost: { inputTokens, outputTokens }, estimated }) => [inputTokens, outputTokens, estimated])
    }
    const text = [chunk("a"), chunk("b"), chunk("c"), chunk("d")]
    // "user" and "a secret prompt" are 19 characters: 5 tokens at four each.
    const guessed = [[5, 3, true]]
    expect(await used(text, (reader) => reader.cancel())).toEqual(guessed)
    expect(
      await used(text, (reader, abort) => {
        const reading = reader.read().catch(() => {})
        abort()
        return reading
      }),
    ).toEqual(guessed)
    const failure = 'data: {"error":{"message":"Overloaded","code":"server_is_overloaded"}}\n\n'
    expect(await used([chunk("a"), chunk("b"), failure], (reader) => reader.cancel())).toEqual([[5, 2, true]])
    // The vendor had counted: nothing is guessed.
    expect(await used([chunk("a"), chunk("b"), counted, chunk("")], (reader) => reader.cancel())).toEqual([
      [7, 2, undefined],
    ])
  })

  it("free their permit when the caller aborts in the middle", async () => {
    const controller = new AbortController()
    const { chat, clock, fetch } = bench((_n, { init }) => {
      const body = new ReadableStream<Uint8Array>({
        start(stream) {
          stream.enqueue(new TextEncoder().encode(chunk("a")))
          init.signal!.addEventListener("abort", () => stream.error(init.signal!.reason))
        },
      })
      return new Response(body, { headers: { "content-type": "text/event-stream" } })
    })
    const response = await clock.run(chat({ body: { stream: true }, signal: controller.signal }))
    const text = response.text().catch((error: unknown) => error)
    controller.abort("enough")
    expect(await clock.run(text)).toBe("enough")
    expect(inFlight(fetch)).toBe(0)
  })

  it("an error as the first event is an answer that can be tried again", async () => {
    const overloaded =
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    const { fetch, clock, sent } = bench((n) =>
      n === 0 ? eventStream([overloaded]) : eventStream(["event: message_stop\ndata: {}\n\n"]),
    )
    const response = await clock.run(
      fetch("https://api.anthropic.com/v1/messages", {
        method: "POST",
        headers: { "x-api-key": "k" },
        body: '{"model":"claude-x","stream":true}',
      }),
    )
    expect([response.status, sent.length]).toEqual([200, 2])
    await clock.run(response.text())
  })

  it("an error in the middle passes through unchanged, and counts as the refusal that it is", async () => {
    const error = 'data: {"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}\n\n'
    const { chat, clock, fetch, events } = bench(() => eventStream([chunk("a"), error]))
    const response = await clock.run(chat({ body: { stream: true } }))
    expect(await clock.run(response.text())).toBe(chunk("a") + error)
    expect(events.filter((event) => event.type === "throttle")).toHaveLength(1)
    expect(inFlight(fetch)).toBe(0)
  })

  it("a hang in the middle ends after idleTimeoutMs; a slow reader keeps its stream but not its permit", async () => {
    const hanging = bench(
      (_n, { init }) =>
        eventStream(
          [chunk("a"), chunk("b")],
          () => new Promise((_, reject) => init.signal!.addEventListener("abort", () => reject(init.signal!.reason))),
        ),
      { idleTimeoutMs: 5000 },
    )
    const response = await hanging.clock.run(hanging.chat({ body: { stream: true } }))
    const outcome = response.text().catch((error: unknown) => (error as Error).name)
    expect(await hanging.clock.run(outcome)).toBe("TimeoutError")
    expect([inFlight(hanging.fetch), hanging.clock.now()]).toEqual([0, 5000])

    const slow = bench(() => eventStream([chunk("a"), chunk("b")]), { idleTimeoutMs: 5000 })
    const kept = await slow.clock.run(slow.chat({ body: { stream: true } }))
    await slow.clock.run(new Promise<void>((resolve) => void slow.clock.setTimer(6000, resolve)))
    expect(inFlight(slow.fetch)).toBe(0)
    expect(await slow.clock.run(kept.text())).toBe(chunk("a") + chunk("b"))
  })

  it("pull from the vendor only as the reader pulls", async () => {
    let produced = 0
    const { chat, clock } = bench(() => {
      const body = new ReadableStream<Uint8Array>(
        {
          pull: (stream) => {
            produced++
            stream.enqueue(new TextEncoder().encode(chunk("x")))
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body, { headers: { "content-type": "text/event-stream" } })
    })
    const response = await clock.run(chat({ body: { stream: true } }))
    await new Promise((resolve) => setImmediate(resolve))
    expect(produced).toBeLessThanOrEqual(2)
    await response.body!.cancel()
  })
})

async function abortOf(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve))
  throw signal.reason
}

describe("options", () => {
  it.each([
    [{ timeoutMs: -1 }, "timeoutMs"],
    [{ vendor: "opnai" }, "openai"],
    [{ requestsPerMinut: 3 }, "requestsPerMinut"],
    [{ limits: { "gpt-*": { tokensPerMinute: -3 } } }, "tokensPerMinute"],
  ])("%j fails at once and says why", (options, words) => {
    expect(() => bench(() => completion(), options as LimitedFetchOptions)).toThrow(words)
  })
})
