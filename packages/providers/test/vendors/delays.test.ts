import OpenAI, { type APIError } from "openai"
import { describe, expect, it, vi } from "vitest"
import {
  anthropic,
  type VendorAnswer,
  gemini,
  limitedFetch,
  openaiOptions,
  openaiCompatible,
  openrouter,
  type Vendor,
} from "../../src/index.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const now = Date.parse("2026-11-24T10:00:00Z")

function told(vendor: Vendor, body: unknown, headers: Record<string, string> = {}, status = 429): unknown {
  const answer: VendorAnswer = { status, headers: new Headers(headers), body }
  return vendor.feedback(answer, vendor.classify(answer), now)
}

describe("a delay is read wherever it stands", () => {
  it.each<[string, Vendor, unknown, Record<string, string>, number]>([
    ["an asctime date, which is GMT", openaiCompatible, {}, { "retry-after": "Tue Nov 24 10:00:30 2026" }, 30_000],
    ["an HTTP date", openaiCompatible, {}, { "retry-after": "Tue, 24 Nov 2026 10:00:30 GMT" }, 30_000],
    ["an RFC 850 date", openaiCompatible, {}, { "retry-after": "Tuesday, 24-Nov-26 10:00:30 GMT" }, 30_000],
    ["an error that is a text", openaiCompatible, { error: "Rate limit. Please try again in 20s." }, {}, 20_000],
    ["a detail", openaiCompatible, { detail: "Too many requests, retry after 20 seconds" }, {}, 20_000],
    ["a detail with a message", openaiCompatible, { detail: { message: "try again in 1m30s" } }, {}, 90_000],
    ["a message alone", openaiCompatible, { message: "Please wait 2 minutes" }, {}, 120_000],
    [
      "Gemini's list, in OpenAI's protocol",
      openaiCompatible,
      [
        {
          error: {
            code: 429,
            status: "RESOURCE_EXHAUSTED",
            message: "Quota exceeded",
            details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.4s" }],
          },
        },
      ],
      {},
      34_400,
    ],
    ["Gemini's message", gemini, [{ error: { code: 429, message: "Please retry in 34.5s." } }], {}, 34_500],
    [
      "the headers that OpenRouter passes on",
      openrouter,
      { error: { code: 429, message: "m", metadata: { headers: { "X-RateLimit-Reset": `${now + 25_000}` } } } },
      {},
      25_000,
    ],
    [
      "the words of the vendor behind OpenRouter",
      openrouter,
      { error: { code: 429, message: "Provider returned error", metadata: { raw: "busy, retry after 7s" } } },
      {},
      7_000,
    ],
    ["X-RateLimit-Reset in milliseconds", openrouter, {}, { "x-ratelimit-reset": `${now + 25_000}` }, 25_000],
    ["X-RateLimit-Reset in seconds", openrouter, {}, { "x-ratelimit-reset": `${now / 1000 + 25}` }, 25_000],
    ["X-RateLimit-Reset from now", openrouter, {}, { "x-ratelimit-reset": "25" }, 25_000],
    ["Anthropic's message", anthropic, { error: { type: "rate_limit_error", message: "try again in 9s" } }, {}, 9_000],
  ])("%s", (_name, vendor, body, headers, retryAfterMs) => {
    expect(told(vendor, body, headers)).toMatchObject({ retryAfterMs, refusal: { reason: "rate" } })
  })

  describe.each([
    ["ahead", 3_600_000],
    ["behind", -3_600_000],
  ])("a moment is meant by the vendor's clock, which may be an hour %s", (_where, aheadMs) => {
    const date = new Date(now + aheadMs).toUTCString()
    const inHalfAMinute = new Date(now + aheadMs + 30_000).toUTCString()
    const moment = `${now + aheadMs + 30_000}`

    it.each<[string, Vendor, unknown, Record<string, string>]>([
      ["an HTTP date", openaiCompatible, {}, { "retry-after": inHalfAMinute }],
      ["an HTTP date, Anthropic", anthropic, {}, { "retry-after": inHalfAMinute }],
      ["an HTTP date, Gemini", gemini, {}, { "retry-after": inHalfAMinute }],
      ["X-RateLimit-Reset", openrouter, {}, { "x-ratelimit-reset": moment }],
      [
        "what a router passes on",
        openrouter,
        { error: { metadata: { headers: { "Retry-After": inHalfAMinute } } } },
        {},
      ],
      ["the same, of a moment", openrouter, { error: { metadata: { headers: { "X-RateLimit-Reset": moment } } } }, {}],
    ])("%s", (_name, vendor, body, headers) => {
      expect(told(vendor, body, { ...headers, date })).toMatchObject({ retryAfterMs: 30_000 })
    })

    it("midnight in California, Gemini", () => {
      const details = [
        {
          "@type": "type.googleapis.com/google.rpc.QuotaFailure",
          violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier", quotaValue: "50" }],
        },
      ]
      expect(told(gemini, { error: { code: 429, message: "m", details } }, { date })).toMatchObject({
        retryAfterMs: Date.parse("2026-11-25T08:00:00Z") - now - aheadMs,
      })
    })

    it("what a router passes on with the date of whom it asked", () => {
      const fields = { date: new Date(now).toUTCString(), "retry-after": new Date(now + 9_000).toUTCString() }
      expect(told(openrouter, { error: { metadata: { headers: fields } } }, { date })).toMatchObject({
        retryAfterMs: 9_000,
      })
    })
  })

  it("a date that is none leaves our own clock", () => {
    expect(told(openaiCompatible, {}, { "retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", date: "today" })).toMatchObject(
      {
        retryAfterMs: 30_000,
      },
    )
  })

  it.each<[string, unknown, Record<string, string>]>([
    [
      "a date more than a day from the vendor's own",
      {},
      { "retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", date: "Thu, 01 Jan 1970 00:00:01 GMT" },
    ],
    [
      "a date that is over on the vendor's clock, though not on ours",
      {},
      { "retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", date: "Tue, 24 Nov 2026 10:00:31 GMT" },
    ],
    ["a moment that is over", {}, { "x-ratelimit-reset": `${now - 25_000}` }],
    ["an asctime date that is over", {}, { "retry-after": "Tue Nov 24 09:59:30 2026" }],
    ["a year", { error: "try again in 9000h" }, {}],
    ["no number", { error: "try again in a while" }, { "retry-after": "soon" }],
    ["foreign headers", { error: { metadata: { headers: { "Retry-After": "5\r\nx: y", constructor: "1" } } } }, {}],
  ])("garbage is no delay: %s", (_name, body, headers) => {
    expect(told(openrouter, body, headers)).not.toHaveProperty("retryAfterMs")
  })
})

describe("a day's total", () => {
  const rpd = "Rate limit reached on requests per day (RPD): Limit 1000, Used 1000, Requested 1."
  it.each<[string, unknown, Record<string, string>, "daily" | "rate"]>([
    ["free-models-per-day", { error: { message: "Rate limit exceeded: free-models-per-day." } }, {}, "daily"],
    ["that rolls, with some seconds to wait", { error: { message: `${rpd} Please try again in 3s.` } }, {}, "rate"],
    ["that rolls, with the wait in a header", { error: { message: rpd } }, { "retry-after": "86" }, "rate"],
    ["that is gone for hours", { error: { message: `${rpd} Please try again in 2h0m0s.` } }, {}, "daily"],
    ["that says no more", { error: { message: rpd } }, {}, "daily"],
  ])("%s", (_name, body, headers, reason) => {
    expect(told(openaiCompatible, body, headers)).toMatchObject({ refusal: { reason } })
  })

  it("that rolls is waited for, and the queue goes on", async () => {
    const clock = fastClock(100)
    const server = await scriptedServer((n, response) => {
      response.writeHead(n === 0 ? 429 : 200, { "content-type": "application/json" })
      response.end(
        n === 0
          ? JSON.stringify({ error: { code: "rate_limit_exceeded", message: `${rpd} Please try again in 3s.` } })
          : '{"choices":[{"message":{"content":"fine"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
      )
    }, clock)
    const limited = limitedFetch({ clock })
    const post = { method: "POST", body: '{"model":"m"}' }
    const statuses = [1, 2].map(() => 0)
    for (const index of statuses.keys())
      statuses[index] = (await limited(`${server.url}/v1/chat/completions`, post)).status
    expect(statuses).toEqual([200, 200])
    const waits = server.calls.map(({ atMs }) => atMs - server.calls[0]!.atMs)
    expect(waits[1]).toBeGreaterThanOrEqual(2900)
    await limited.close()
  })
})

describe("a vendor whose clock is not ours, over HTTP", () => {
  it.each([
    ["ahead", 600_000],
    ["behind", -600_000],
  ])("means by a date in Retry-After what its own Date says, ten minutes %s", async (_where, aheadMs) => {
    const clock = fastClock(100)
    const server = await scriptedServer((n, response) => {
      const wallMs = clock.wallNow() + aheadMs
      response.setHeader("date", new Date(wallMs).toUTCString())
      response.setHeader("content-type", "application/json")
      if (n > 0)
        return void response.end('{"choices":[{"message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
      response.writeHead(429, { "retry-after": new Date(wallMs + 30_000).toUTCString() })
      response.end('{"error":{"code":"rate_limit_exceeded","message":"Rate limit reached for requests"}}')
    }, clock)
    const told: (number | undefined)[] = []
    const limited = limitedFetch({
      clock,
      onEvent: (event) => {
        if (event.type === "throttle") told.push(event.retryAfterMs)
      },
    })
    const call = { method: "POST", body: '{"model":"m"}' }
    expect((await limited(`${server.url}/v1/chat/completions`, call)).status).toBe(200)
    expect(told).toEqual([30_000])
    expect(server.calls[1]!.atMs - server.calls[0]!.atMs).toBeGreaterThanOrEqual(30_000)
    await limited.close()
  })
})

describe("OpenRouter, over HTTP and by OpenAI's SDK", () => {
  const fine = '{"choices":[{"message":{"content":"fine"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'

  /** Two calls one after the other, the first of which is refused once; when each came, and how the calls ended. */
  async function twoCalls(
    refusal: (wallMs: number) => { readonly message: string; readonly headers?: object; readonly own?: object },
    speed = 1000,
  ): Promise<{ waitsMs: number[]; ends: string[]; throttles: object[] }> {
    const clock = fastClock(speed)
    const server = await scriptedServer((n, response) => {
      const { message, headers, own } = refusal(clock.wallNow())
      const json = { "content-type": "application/json" }
      if (n > 0) return void response.writeHead(200, json).end(fine)
      response.writeHead(429, { ...json, ...own })
      response.end(JSON.stringify({ error: { code: 429, message, metadata: { headers, provider_name: null } } }))
    }, clock)
    const throttles: object[] = []
    const limited = limitedFetch({
      clock,
      vendor: "openrouter",
      onEvent: (event) => {
        if (event.type === "throttle") throttles.push({ reason: event.reason, retryAfterMs: event.retryAfterMs })
      },
    })
    const openai = new OpenAI({ baseURL: `${server.url}/api/v1`, apiKey: "k", ...openaiOptions(limited) })
    const ends: string[] = []
    for (let call = 0; call < 2; call++) {
      const asked = openai.chat.completions.create({ model: "m:free", messages: [{ role: "user", content: "hi" }] })
      ends.push(
        await asked.then(
          () => "ok",
          (error: APIError) => `${error.status} ${error.headers?.get("x-sluice-code") ?? "from the vendor"}`,
        ),
      )
    }
    await limited.close()
    return { waitsMs: server.calls.slice(1).map(({ atMs }) => atMs - server.calls[0]!.atMs), ends, throttles }
  }

  it.each<[string, Parameters<typeof twoCalls>[0]]>([
    [
      "a moment in milliseconds, in the headers that it passes on in the body",
      (wallMs) => ({
        message: "Rate limit exceeded: free-models-per-min.",
        headers: { "X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": `${wallMs + 25_000}` },
      }),
    ],
    [
      "a moment in milliseconds, in its own header",
      (wallMs) => ({ message: "Rate limit exceeded", own: { "X-RateLimit-Reset": `${Math.ceil(wallMs + 25_000)}` } }),
    ],
    ["seconds, in the headers that it passes on", () => ({ message: "m", headers: { "Retry-After": "25" } })],
  ])("waits until then: %s", async (_name, refusal) => {
    const { waitsMs, ends, throttles } = await twoCalls(refusal)
    expect(ends).toEqual(["ok", "ok"])
    expect(throttles).toMatchObject([{ reason: "rate" }])
    // The server wrote the moment down a little after it heard of the call.
    expect(waitsMs[0]).toBeGreaterThanOrEqual(25_000)
    expect(waitsMs).toHaveLength(2)
  })

  it.each(["said by its message alone", "beside the moment of midnight"])(
    "free-models-per-day is a day's total, which ends the queue: %s",
    async (name) => {
      const refusal = (wallMs: number): ReturnType<Parameters<typeof twoCalls>[0]> => ({
        message: "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
        ...(name.includes("midnight") && {
          headers: {
            "X-RateLimit-Limit": "50",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": `${Math.ceil(wallMs + 8 * 3_600_000)}`,
          },
        }),
      })
      // Who does not say when is asked again after a minute, which a busy machine must not reach here.
      const { waitsMs, ends, throttles } = await twoCalls(refusal, 10)
      expect(ends).toEqual(["429 quota-exhausted", "429 quota-exhausted"])
      expect([waitsMs, throttles]).toMatchObject([[], [{ reason: "daily" }]])
    },
  )
})
