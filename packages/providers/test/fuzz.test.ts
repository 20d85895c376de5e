import { SluiceError } from "@sluice/core"
import { seededRandom, VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkInputs, fuzzTimeoutMs, oddJson, oddNumber, oddText } from "../../../scripts/testing/fuzz.ts"
import { AnswerFacts } from "../src/call/telling/answer-facts.ts"
import { isRewritable } from "../src/call/elsewhere/is-rewritable.ts"
import { LineEvents } from "../src/http/line-reader.ts"
import { SseReader } from "../src/http/sse.ts"
import { isPlainRequest } from "../src/http/request.ts"
import { checkSendable } from "../src/http/sending/unsendable.ts"
import { errorInside } from "../src/vendors/reading/empty-answer.ts"
import { LearnedTokens } from "../src/accounts/token-estimate.ts"
import { limitedFetch, usdOf, type Vendor, vendors } from "../src/index.ts"
import { goDuration } from "../src/vendors/reading/go-duration.ts"
import { delayInMessage, retryDelay } from "../src/vendors/reading/retry-delay.ts"
import { usageInTail } from "../src/vendors/reading/usage-in-tail.ts"
import { vendorMessage } from "../src/vendors/reading/vendor-message.ts"

// Whatever a vendor, or what stands in its place, sends: nothing throws, nothing takes long, no permit stays.

const fields = [
  "error",
  "errors",
  "message",
  "code",
  "type",
  "status",
  "details",
  "detail",
  "reason",
  "param",
  "metadata",
  "response",

  "usage",
  "input_tokens",
  "output_tokens",
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "cached_tokens",
  "prompt_tokens_details",

  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "usageMetadata",
  "promptTokenCount",
  "candidatesTokenCount",
  "totalTokenCount",

  "choices",
  "delta",
  "content",
  "text",
  "parts",
  "candidates",
  "output",
  "message",
  "finish_reason",
  "x_groq",
  "tokens",
  "billed_units",

  "@type",
  "violations",
  "quotaId",
  "quotaValue",
  "retryDelay",
  "messages",
  "input",
  "model",
  "contents",
  "tools",
  "stream",
  "n",

  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "generationConfig",
  "maxOutputTokens",
  "candidateCount",
  "system",
  "done",

  "eval_count",
  "prompt_eval_count",
  "meta",
  "inputTokens",
  "outputTokens",
  "maxTokens",
  "file_id",
  "previous_response_id",
  "image_url",
]
const words = [
  "error",
  "rate_limit_error",
  "rate_limit_exceeded",
  "overloaded_error",
  "insufficient_quota",
  "slow_down",
  "requests",
  "tokens",

  "RESOURCE_EXHAUSTED",
  "UNAVAILABLE",
  "type.googleapis.com/google.rpc.QuotaFailure",
  "type.googleapis.com/google.rpc.RetryInfo",

  "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
  "GenerateRequestsPerMinutePerProjectPerModel",
  "API_KEY_INVALID",
  "message_start",
]
const json = oddJson([...fields, ...words])

const headerNames = [
  "retry-after",
  "retry-after-ms",
  "x-ms-retry-after-ms",
  "x-should-retry",
  "date",
  "content-type",
  "content-length",
  "content-encoding",
  ...["limit", "remaining", "reset"].flatMap((part) =>
    ["requests", "tokens", "project-tokens"].map((what) => `x-ratelimit-${part}-${what}`),
  ),
  ...["requests", "tokens", "input-tokens", "output-tokens"].flatMap((what) =>
    ["limit", "remaining", "reset"].map((part) => `anthropic-ratelimit-${what}-${part}`),
  ),

  "x-amzn-errortype",
  "x-amzn-bedrock-input-token-count",
  "x-ratelimit-limit",
  "x-ratelimit-reset",
  "x-sluice-code",
]
const headers = fc
  .dictionary(
    fc.constantFrom(...headerNames),
    fc.oneof(oddText, oddNumber.map(String), fc.constantFrom("60", "1000", "12ms", "true", "false")),
    {
      maxKeys: 8,
    },
  )
  .map((entries) => {
    const made = new Headers()
    for (const [name, value] of Object.entries(entries)) {
      // What no HTTP client lets through cannot come.
      if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) made.set(name, value)
    }
    return made
  })
const status = fc.oneof(
  fc.constantFrom(200, 200, 201, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 429, 500, 502, 503, 529),
  fc.integer({ min: 200, max: 599 }),
)
const vendor = fc.constantFrom(...vendors.map(({ name }) => name))
const vendorNamed = (name: string): Vendor => vendors.find((one) => one.name === name)!

/** What nests too deep for JSON.stringify is nested by hand. */
const jsonText = json.map((value) => {
  try {
    return JSON.stringify(value) ?? ""
  } catch {
    return `{"error":${"[".repeat(20_000)}${"]".repeat(20_000)}}`
  }
})

const isCount = (value: number | undefined): boolean => value === undefined || (Number.isFinite(value) && value >= 0)

describe("fuzz: what vendors send", () => {
  it.each([204, 205, 304])("found so: the body of an answer with status %i can be looked at", async (status) => {
    const fetch = limitedFetch({ fetch: async () => new Response(null, { status }), retry: { maxAttempts: 1 } })
    const response = await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body: "{}" })
    expect([response.status, response.body, await response.text()]).toEqual([status, null, ""])
  })

  it(
    "answers: classify, feedback, usage, charge",
    async () => {
      await checkInputs(0.25, fc.tuple(vendor, status, headers, json), ([name, code, heads, body]) => {
        const one = vendorNamed(name)
        const answer = { status: code, headers: heads, body }
        const verdict = one.classify(answer)
        expect(["ok", "retry", "wait", "reduce", "split", "fatal"]).toContain(verdict.kind)
        expect(typeof verdict.code).toBe("string")
        expect(verdict.message.length).toBeLessThan(10_000)
        const { limits = [], retryAfterMs, refusal } = one.feedback(answer, verdict, 1.8e12)
        expect(isCount(retryAfterMs)).toBe(true)
        for (const { limit, remaining, resetMs, windowMs } of limits) {
          expect([limit, remaining, resetMs, windowMs].every(isCount)).toBe(true)
          expect(limit).not.toBe(0)
        }
        expect((refusal?.message ?? "").length).toBeLessThan(10_000)
        const inside = errorInside(one, body)
        if (inside) expect(inside.status).toSatisfy((code) => Number.isInteger(code) && code >= 400 && code <= 599)
        const facts = new AnswerFacts(true)
        facts.whole(body)
        for (const told of [facts.model, facts.id, ...facts.finishReasons])
          expect((told ?? "").length).toBeLessThan(1000)
        const usage = one.usage(body)
        if (!usage) return
        expect(Object.values(usage).every(isCount)).toBe(true)
        const charged = one.charged({ requests: 1, inputTokens: 10, outputTokens: 10 }, usage)
        expect(Object.values(charged).every((value) => Number.isFinite(value))).toBe(true)
        expect(isCount(usdOf({ input: 1, output: 2 }, usage))).toBe(true)
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "events of streams",
    async () => {
      const data = fc.oneof(
        jsonText,
        oddText,
        jsonText.map((text) => text.slice(0, 30)),
      )
      const event = fc.oneof(
        fc.constantFrom(
          "message",
          "error",
          "message_start",
          "message_delta",
          "content_block_delta",
          "response.failed",
          "ping",
        ),
        oddText,
      )
      await checkInputs(0.15, fc.tuple(vendor, event, data), ([which, name, text]) => {
        const one = vendorNamed(which)
        const fact = one.streamEvent({ event: name, data: text })
        const { isDoubtful: _isDoubtful, ...counts } = fact?.usage ?? {}
        expect(Object.values(counts).every(isCount)).toBe(true)
        if (fact?.error) one.feedback(fact.error, one.classify(fact.error), 1.8e12)
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "requests: recognise, read, estimate, another model",
    async () => {
      const paths = fc.array(
        fc.constantFrom(
          "/v1",
          "/v1beta",
          "/chat/completions",
          "/responses",
          "/messages",
          "/embeddings",
          "/models/",
          "m:generateContent",
          "%E0%A4:generateContent",

          "/openai/deployments/",
          "%E0%A4",
          "d",
          "/model/",
          "/converse",
          "/invoke",
          "/api/chat",
          "/v2/chat",
          "/projects/p/locations/l/publishers/google",
          "%00",
          "..",
          "?x=%",
          "#",
        ),
        { maxLength: 5 },
      )
      const hosts = fc.constantFrom(
        "api.openai.com",
        "x.openai.azure.com",
        "api.anthropic.com",
        "generativelanguage.googleapis.com",
        "localhost:1",
        "bedrock-runtime.us-east-1.amazonaws.com",
      )
      await checkInputs(0.15, fc.tuple(vendor, hosts, paths, json, headers), ([name, host, parts, body, heads]) => {
        const one = vendorNamed(name)
        const url = new URL(`https://${host}/${parts.join("")}`)
        const call = one.recognise(url, "POST", (name) => heads.get(name)) ?? { endpoint: "chat/completions" }
        one.hosts(url.host)
        const facts = one.read(body, call)
        expect(typeof facts.model).toBe("string")
        expect(isCount(facts.maxOutputTokens) && isCount(facts.prompt.textChars)).toBe(true)
        const cost = one.estimate(facts, new LearnedTokens())
        expect([cost.requests, cost.inputTokens, cost.outputTokens].every(isCount)).toBe(true)
        if (typeof body === "object" && body !== null && !Array.isArray(body)) {
          one.withModel(url, body as Record<string, unknown>, "other")
        }
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "delays, durations, messages, tails",
    async () => {
      await checkInputs(0.15, fc.tuple(oddText, headers), ([text, heads]) => {
        for (const delay of [goDuration(text), delayInMessage(text), retryDelay(heads, 1.8e12)])
          expect(isCount(delay)).toBe(true)
        expect(vendorMessage(text).length).toBeLessThan(10_000)
        usageInTail(new TextEncoder().encode(text))
        expect(isRewritable(JSON.stringify({ [text]: [text, { [text]: 1 }] }))).toBe(true)
        const url = new URL("https://api.example")
        const sent: RequestInit = {
          headers: [
            [text, "x"],
            ["x-key", text],
          ],
        }
        try {
          checkSendable(url, sent)
        } catch (error) {
          if (!SluiceError.isInstance(error) || error.message.length > 1000) throw error
          // Or it would never be asked.
          expect(isPlainRequest(url, sent)).toBe(false)
        }
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "bytes of streams, in whatever pieces",
    async () => {
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc
          .constantFrom("data: ", "event: error", "\n", "\r", "\r\n", "\n\n", ": ping", "data", "id: 1", "retry: x")
          .map((text) => new TextEncoder().encode(text)),
        oddText.map((text) => new TextEncoder().encode(text)),
      )
      await checkInputs(0.05, fc.array(piece, { maxLength: 20 }), (pieces) => {
        const reader = new SseReader()
        const events = [...pieces.flatMap((bytes) => reader.push(bytes)), ...reader.end()]
        const lines = new LineEvents()
        events.push(...pieces.flatMap((bytes) => lines.push(bytes)), ...lines.end())
        for (const { event, data } of events) {
          expect([typeof event, typeof data]).toEqual(["string", "string"])
          new AnswerFacts(false).event(data)
        }
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "whole calls: whatever is answered, no permit is left and what is thrown is ours",
    async () => {
      const urls = fc.constantFrom(
        "https://api.openai.com/v1/chat/completions",
        "https://api.anthropic.com/v1/messages",
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
        "http://localhost:11434/api/chat",
      )
      const body = fc.oneof(
        jsonText,
        fc
          .array(
            fc.tuple(
              fc.constantFrom("", "event: error\n", "event: message_start\n", "event: message_delta\n"),
              jsonText,
            ),
            { maxLength: 6 },
          )
          .map((events) => events.map(([name, value]) => `${name}data: ${value}\n\n`).join("")),
        fc.array(jsonText, { maxLength: 6 }).map((lines) => lines.join("\n")),
        oddText,
      )
      const type = fc.constantFrom("application/json", "text/event-stream", "application/x-ndjson", "text/html", "")
      const reading = fc.constantFrom("whole", "first", "cancel")
      const stream = fc.boolean()
      await checkInputs(
        0.03,
        fc.tuple(urls, status, headers, body, type, reading, stream),
        async ([url, code, heads, text, kind, how, streamed]) => {
          const clock = new VirtualClock()
          heads.delete("content-encoding")
          if (kind) heads.set("content-type", kind)
          const fetch = limitedFetch({
            clock,
            random: seededRandom(1),
            retry: { maxAttempts: 2, maxRefusals: 2 },
            onEvent: (event) => void JSON.stringify(event),
            fetch: async () =>
              new Response(code === 204 || code === 205 || code === 304 ? null : text, {
                status: code,
                headers: new Headers(heads),
              }),
          })
          const request = {
            method: "POST",
            headers: { authorization: "Bearer k" },
            body: JSON.stringify({ model: "m", stream: streamed, messages: [] }),
          }
          const outcome = await clock.run(
            consumed(fetch(url, request), how).then(
              () => undefined,
              (error: unknown) => error,
            ),
          )
          if (outcome !== undefined && !SluiceError.isInstance(outcome)) throw outcome
          for (const { inFlight, waiting } of fetch.snapshot()) expect([inFlight, waiting]).toEqual([0, 0])
        },
      )
    },
    fuzzTimeoutMs,
  )
})

async function consumed(call: Promise<Response>, how: "whole" | "first" | "cancel"): Promise<void> {
  const response = await call
  if (how === "whole") await response.text()
  else if (how === "cancel") await response.body?.cancel()
  else {
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
  }
}
