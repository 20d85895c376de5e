import { expect, test } from "vitest"
import { VirtualClock, type ServerOptions } from "../../src/index.ts"
import { goDuration } from "../../src/server/wire/go-duration.ts"
import { post, vendorFor } from "./started-vendor.ts"

// What vendor pages and SDKs say of headers, statuses and bodies, pinned without any SDK.

const endpoints = {
  openai: {
    path: "/v1/chat/completions",
    body: { model: "m", messages: [{ role: "user", content: "12345678" }], max_tokens: 100 },
  },
  azure: {
    path: "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
    // The deployment stands in the path alone.
    body: { messages: [{ role: "user", content: "12345678" }], max_tokens: 100 },
  },
  anthropic: {
    path: "/v1/messages",
    body: { model: "m", max_tokens: 100, messages: [{ role: "user", content: "12345678" }] },
  },
  gemini: { path: "/v1beta/models/m:generateContent", body: { contents: [{ parts: [{ text: "12345678" }] }] } },
} as const

/** Some calls on one vendor whose clock stands still. */
async function ask(name: keyof typeof endpoints, options: ServerOptions, calls = 1) {
  const { url } = await vendorFor({ clock: new VirtualClock(), answer: { text: "1234" }, ...options })
  const { path, body } = endpoints[name]
  for (let call = 1; call < calls; call++) await post(url + path, body)
  return post(url + path, body)
}

const headersLike = (headers: Headers, pattern: RegExp) =>
  Object.fromEntries([...headers].filter(([name]) => pattern.test(name)))

test.each([
  [0, "0s"],
  [0.2, "1ms"],
  [120, "120ms"],
  [1000, "1s"],
  [1500, "1.5s"],
  [60_000, "1m0s"],
  [360_000, "6m0s"],
  [90_500, "1m30.5s"],
  [3_600_000, "1h0m0s"],
  [86_399_999, "23h59m59.999s"],
])("%d ms in Go's words is %s", (ms, text) => expect(goDuration(ms)).toBe(text))

test("OpenAI: limits in headers, resets as Go durations until full", async () => {
  const { headers } = await ask("openai", { limits: { requests: 500, tokens: 30_000 } })
  expect(headersLike(headers, /^x-ratelimit/)).toEqual({
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-tokens": "29998",
    "x-ratelimit-reset-tokens": "4ms",
  })
  expect(headers.get("x-request-id")).toMatch(/^req_/)
  expect(headers.get("openai-processing-ms")).not.toBeNull()
})

test("OpenAI with max_tokens charged up front shows it", async () => {
  const { headers } = await ask("openai", { limits: { tokens: 6000 }, chargeMaxTokens: true })
  expect(headers.get("x-ratelimit-remaining-tokens")).toBe("5898")
  expect(headers.get("x-ratelimit-reset-tokens")).toBe("1.02s")
})

test("Groq's way: requests per day under the name of requests", async () => {
  const { headers } = await ask("openai", { limits: { requestsPerDay: 14_400, tokens: 6000 } })
  expect(headers.get("x-ratelimit-limit-requests")).toBe("14400")
  expect(headers.get("x-ratelimit-reset-requests")).toBe("24h0m0s")
})

test("OpenAI 429 for requests: type, code, words and waits", async () => {
  const { status, headers, body } = await ask("openai", { limits: { requests: { limit: 60, burst: 1 } } }, 2)
  expect(status).toBe(429)
  expect(headers.get("retry-after")).toBe("1")
  expect(headers.get("retry-after-ms")).toBe("1000")
  expect(headers.get("x-ratelimit-remaining-requests")).toBe("0")
  expect(body).toEqual({
    error: {
      message:
        "Rate limit reached for m in organization org-lab on requests per min (RPM): Limit 60, Used 60, Requested 1. Please try again in 1s. Visit https://platform.openai.com/account/rate-limits to learn more.",
      type: "requests",
      param: null,
      code: "rate_limit_exceeded",
    },
  })
})

test("OpenAI 429 for tokens, and for a request that can never fit", async () => {
  const twice = await ask("openai", { limits: { tokens: 6000 }, chargeMaxTokens: true }, 60)
  expect(twice.body).toMatchObject({ error: { type: "tokens", code: "rate_limit_exceeded" } })
  expect((twice.body["error"] as { message: string }).message).toMatch(
    /TPM\): Limit 6000, Used 5916, Requested 102\. Please try again in 180ms/,
  )
  const huge = await ask("openai", { limits: { tokens: 50 }, chargeMaxTokens: true })
  expect(huge.status).toBe(429)
  expect((huge.body["error"] as { message: string }).message).toMatch(
    /^Request too large for m .* Limit 50, Requested 102/,
  )
  expect(huge.headers.has("retry-after")).toBe(false)
})

test("OpenAI ramp: slow_down", async () => {
  const { body, status } = await ask("openai", { ramp: { growthPerMinute: 1, freePerMinute: 6 } }, 40)
  expect(status).toBe(429)
  expect(body).toMatchObject({ error: { type: "rate_limit_error", code: "slow_down" } })
})

const always = (kind: string) => ({ faults: { rates: { [kind]: 1 } } }) as ServerOptions

test.each([
  ["billing", 429, { type: "insufficient_quota", code: "insufficient_quota" }],
  ["keyRefused", 401, { type: "invalid_request_error", code: "invalid_api_key" }],
  ["error500", 500, { type: "server_error", code: null }],
  ["error503", 503, { code: "server_is_overloaded" }],
] as const)("OpenAI %s is a %d", async (kind, status, error) => {
  const answer = await ask("openai", always(kind))
  expect(answer.status).toBe(status)
  expect(answer.body).toMatchObject({ error })
  expect(answer.headers.has("retry-after")).toBe(false)
})

test("another billing code", async () => {
  const { body } = await ask("openai", { ...always("billing"), billingCode: "organization_spend_limit_exceeded" })
  expect(body).toMatchObject({ error: { type: "insufficient_quota", code: "organization_spend_limit_exceeded" } })
})

test("Azure: the model from the path, what remains in headers, no resets", async () => {
  const { headers, body } = await ask("azure", { limits: { requests: 500, tokens: 30_000 } })
  expect(headersLike(headers, /^x-ratelimit/)).toEqual({
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-tokens": "29998",
  })
  expect(headers.get("apim-request-id")).toMatch(/^req_/)
  expect(body["model"]).toBe("my-gpt")
})

test("Azure 429 inside a minute with room: the slice is used up, and the words name only the kind of rate", async () => {
  const limits = { requests: { limit: 60, model: "slices", sliceMs: 10_000 } } as const
  const { status, headers, body } = await ask("azure", { limits }, 11)
  expect(status).toBe(429)
  expect(headers.get("x-ratelimit-remaining-requests")).toBe("50")
  expect([headers.get("retry-after"), headers.get("retry-after-ms")]).toEqual(["10", "10000"])
  expect(body).toMatchObject({ error: { code: "429" } })
  expect((body["error"] as { message: string }).message).toMatch(
    /have exceeded call rate limit of your current OpenAI S0 pricing tier\. Please retry after 10 seconds\./,
  )
})

test("Azure 401: its key comes as api-key", async () => {
  const { url } = await vendorFor({ apiKeys: ["k"] })
  const { path, body } = endpoints.azure
  expect((await post(url + path, body, { "api-key": "k" })).status).toBe(200)
  const refused = await post(url + path, body, { "api-key": "other" })
  expect([refused.status, refused.body]).toMatchObject([401, { error: { code: "401" } }])
})

test("Anthropic: limits in headers, resets in RFC 3339, remaining tokens to the nearest 1,000, tokens-* the tightest", async () => {
  const { headers } = await ask("anthropic", { limits: { requests: 50, inputTokens: 30_000, outputTokens: 8400 } })
  expect(headersLike(headers, /^anthropic-ratelimit/)).toEqual({
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:02Z",
    "anthropic-ratelimit-tokens-limit": "30000",
    "anthropic-ratelimit-tokens-remaining": "30000",
    "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "30000",
    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:01Z",
    "anthropic-ratelimit-output-tokens-limit": "8400",
    "anthropic-ratelimit-output-tokens-remaining": "8000",
    "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:00:00Z",
  })
  expect(headers.get("request-id")).toMatch(/^req_/)
})

test("Anthropic 429: body, retry-after in whole seconds, no retry-after-ms", async () => {
  const { status, headers, body } = await ask("anthropic", { limits: { requests: { limit: 50, burst: 1 } } }, 2)
  expect(status).toBe(429)
  expect(headers.get("retry-after")).toBe("2")
  expect(headers.has("retry-after-ms")).toBe(false)
  expect(body).toMatchObject({
    type: "error",
    error: { type: "rate_limit_error" },
    request_id: headers.get("request-id"),
  })
  expect((body["error"] as { message: string }).message).toMatch(
    /^This request would exceed your organization's rate limit of 50 requests per minute/,
  )
})

test.each([
  ["error529", 529, { type: "overloaded_error" }, "true"],
  ["error500", 500, { type: "api_error" }, "true"],
  ["keyRefused", 401, { type: "authentication_error" }, "false"],
  ["billing", 429, { type: "rate_limit_error", details: { error_code: "enforced_spend_limit_reached" } }, null],
] as const)("Anthropic %s is a %d", async (kind, status, error, shouldRetry) => {
  const answer = await ask("anthropic", always(kind))
  expect(answer.status).toBe(status)
  expect(answer.body).toMatchObject({ type: "error", error })
  expect(answer.headers.get("x-should-retry")).toBe(shouldRetry)
  expect(answer.headers.has("retry-after")).toBe(false)
})

test.each([
  [
    "contract_spend_limit_reached",
    429,
    { type: "rate_limit_error", details: { error_code: "contract_spend_limit_reached" } },
  ],
  ["billing_error", 402, { type: "billing_error" }],
  [
    "usage_limits",
    400,
    {
      type: "invalid_request_error",
      message: expect.stringMatching(/^You have reached your specified API usage limits/) as string,
    },
  ],
])("Anthropic billing as %s is a %d", async (billingCode, status, error) => {
  const answer = await ask("anthropic", { ...always("billing"), billingCode })
  expect(answer).toMatchObject({ status, body: { error } })
})

test("Anthropic ramp: ramp_limit_exceeded with retry-after", async () => {
  const { body, headers } = await ask("anthropic", { ramp: { growthPerMinute: 1, freePerMinute: 6 } }, 40)
  expect(body).toMatchObject({ error: { type: "rate_limit_error", details: { error_code: "ramp_limit_exceeded" } } })
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0)
})

test("Gemini 429: no headers, QuotaFailure and RetryInfo in the body", async () => {
  const { status, headers, body } = await ask("gemini", { limits: { requests: { limit: 50, burst: 1 } } }, 2)
  expect(status).toBe(429)
  expect(headersLike(headers, /ratelimit|retry-after/)).toEqual({})
  expect(body).toMatchObject({
    error: {
      code: 429,
      status: "RESOURCE_EXHAUSTED",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.QuotaFailure",
          violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel", quotaValue: "50" }],
        },
        { "@type": "type.googleapis.com/google.rpc.Help" },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.2s" },
      ],
    },
  })
})

test("Gemini's day and its input tokens have quota ids of their own", async () => {
  const day = await ask("gemini", { limits: { requestsPerDay: 1 } }, 2)
  expect(JSON.stringify(day.body)).toContain("GenerateRequestsPerDayPerProjectPerModel")
  const tokens = await ask("gemini", { limits: { inputTokens: { limit: 60, burst: 2 } } }, 2)
  expect(JSON.stringify(tokens.body)).toContain("InputTokensPerModelPerMinute")
})

test.each([
  ["error503", 503, { status: "UNAVAILABLE" }],
  ["error500", 500, { status: "INTERNAL" }],
  ["keyRefused", 400, { status: "INVALID_ARGUMENT", details: [{ reason: "API_KEY_INVALID" }] }],
] as const)("Gemini %s is a %d", async (kind, status, error) => {
  expect(await ask("gemini", always(kind))).toMatchObject({ status, body: { error } })
})

test("headers: none means none, on answers and refusals", async () => {
  for (const name of ["openai", "anthropic"] as const) {
    const options: ServerOptions = {
      headers: "none",
      retryAfter: "none",
      limits: { requests: { limit: 60, burst: 1 } },
    }
    expect(headersLike((await ask(name, options)).headers, /ratelimit|retry-after/)).toEqual({})
    expect(headersLike((await ask(name, options, 2)).headers, /ratelimit|retry-after/)).toEqual({})
  }
})

test("a request that makes no sense: 400 in the vendor's shape, naming the field, charged nothing", async () => {
  const { url, stats } = await vendorFor({ limits: { requests: 10 } })
  expect(await post(`${url}/v1/chat/completions`, { model: "m", messages: "hello" })).toMatchObject({
    status: 400,
    body: { error: { type: "invalid_request_error", param: "messages" } },
  })
  expect(await post(`${url}/v1/messages`, { model: "m", messages: [{ role: "user", content: "x" }] })).toMatchObject({
    status: 400,
    body: {
      type: "error",
      error: { type: "invalid_request_error", message: expect.stringContaining("max_tokens") as string },
    },
  })
  expect(await post(`${url}/v1beta/models/m:generateContent`, {})).toMatchObject({
    status: 400,
    body: { error: { status: "INVALID_ARGUMENT" } },
  })
  expect(await post(`${url}/v1beta/models/m:dance`, {})).toMatchObject({
    status: 404,
    body: { error: { status: "NOT_FOUND" } },
  })
  expect(await post(`${url}/v1/nothing`, {})).toMatchObject({
    status: 404,
    body: { error: { type: "invalid_request_error" } },
  })
  expect(stats()).toMatchObject({ arrived: 0, badRequests: 5 })
})
