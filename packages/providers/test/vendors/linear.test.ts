import { describe, expect, it, vi } from "vitest"
import { mostTimesAsLong, timesAsLong } from "../../../../scripts/testing/linear.ts"
import { AnswerFacts } from "../../src/call/telling/answer-facts.ts"
import { isRewritable } from "../../src/call/elsewhere/is-rewritable.ts"
import { LineEvents, LineReader } from "../../src/http/line-reader.ts"
import { SseReader } from "../../src/http/sse.ts"
import { vendors } from "../../src/index.ts"
import { errorInside } from "../../src/vendors/reading/empty-answer.ts"
import { errorStatus } from "../../src/vendors/reading/error-status.ts"
import { errorText } from "../../src/vendors/reading/error-text.ts"
import { goDuration } from "../../src/vendors/reading/go-duration.ts"
import { delayInMessage, retryDelay, toldDelay } from "../../src/vendors/reading/retry-delay.ts"
import { isSpendCap } from "../../src/vendors/reading/refusal-words.ts"
import { usageInTail } from "../../src/vendors/reading/usage-in-tail.ts"
import { vendorMessage } from "../../src/vendors/reading/vendor-message.ts"

// Each expression by itself is tried in scripts/checks/linear-expressions.test.ts.
vi.setConfig({ testTimeout: 120_000 })

const anything = [
  "a",
  "0",
  " ",
  "\n",
  "-",
  "*",
  "/",
  ".",
  "{",
  "}",
  '"',
  "A_",
  "0.",
  "sk-",
  "**a",
  "/a/",
  "a:",
  "1h",
  '\\"',
]
const sentences = [
  "try again in 1",
  "retry after 1.",
  "input token count ",
  "per day",
  '"usage":{',
  "Bearer ",
  "AIza",
  "key limit ",
]
const repeated = (piece: string, length: number): string =>
  piece.repeat(Math.ceil(length / piece.length)).slice(0, length)

const pieces = [...anything, ...sentences]

/** Reads texts of a tenth of a megabyte and of one, made of every piece. */
function expectLinear(use: (text: string) => unknown, of: readonly string[] = pieces): void {
  for (const piece of of) {
    const times = timesAsLong(use, (length) => repeated(piece, length), 1_000_000)
    expect(times, `repeated ${JSON.stringify(piece)}`).toBeLessThan(mostTimesAsLong)
  }
}

describe("ten times the text from a vendor takes some ten times as long, up to a megabyte", () => {
  it.each<[string, (text: string) => unknown]>([
    ["vendorMessage", vendorMessage],
    ["delayInMessage", delayInMessage],
    ["errorText", (text) => errorText({ error: { message: text, metadata: { raw: text } } })],
    ["errorStatus", (text) => errorStatus({ code: text, type: text, status: text, message: text })],
    ["isSpendCap", (text) => isSpendCap(text, text)],
    ["goDuration", goDuration],
    ["usageInTail", (text) => usageInTail(new TextEncoder().encode(`${text}}`))],
    ["events", (text) => new SseReader().push(new TextEncoder().encode(text))],
    ["lines", (text) => new LineReader(8_000_000).push(new TextEncoder().encode(text))],
    ["lines of one stream", (text) => new LineEvents().push(new TextEncoder().encode(`{"a":"${text}"}\n`))],
    ["facts", (text) => new AnswerFacts(false).event(text)],
    ["a body to write anew", (text) => isRewritable(JSON.stringify({ a: text, [text]: [text] }))],
    ["events with data", (text) => new SseReader().push(new TextEncoder().encode(`data: ${text}\n\n`))],
  ])("%s", (_name, read) => {
    expectLinear(read)
  })

  it("in a header", () => {
    const fit = pieces.filter((piece) => !/[\n\r]/.test(piece) && piece.trim() !== "")
    const headersOf = (text: string): Headers =>
      new Headers(
        [
          "retry-after",
          "retry-after-ms",
          "x-ratelimit-reset",
          "x-ratelimit-limit-requests",
          "x-ratelimit-reset-requests",
          "anthropic-ratelimit-requests-limit",
          "anthropic-ratelimit-requests-reset",
        ].map((name) => [name, text]),
      )
    expectLinear((text) => [retryDelay(headersOf(text), 0), toldDelay(headersOf(text), text, 0)], fit)
    for (const vendor of vendors)
      expectLinear((text) => {
        const answer = { status: 429, headers: headersOf(text), body: {} }
        return vendor.feedback(answer, vendor.classify(answer), 0)
      }, fit)
  })

  it.each(vendors.map((vendor) => [vendor.name, vendor] as const))(
    "%s: as an error, an answer, an event, a path",
    (_name, vendor) => {
      expectLinear((text) => {
        const error = {
          message: text,
          code: text,
          type: text,
          status: text,
          details: [{ "@type": text, reason: text }],
        }
        for (const body of [text, { error }, { error: text }, { detail: text }, [{ error }]]) {
          for (const status of [400, 429]) {
            const answer = { status, headers: new Headers(), body }
            vendor.feedback(answer, vendor.classify(answer), 0)
          }
          vendor.usage(body)
          errorInside(vendor, body)
        }
        vendor.streamEvent({ event: "message", data: text })
        vendor.streamEvent({ event: text, data: "{}" })
        const url = new URL("https://localhost")
        url.pathname = text
        vendor.recognise(url, "POST")
        vendor.hosts(text)
      })
    },
  )
})
