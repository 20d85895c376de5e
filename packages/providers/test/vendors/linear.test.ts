import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { SseReader } from "../../src/http/sse.ts"
import { vendors } from "../../src/index.ts"
import { errorStatus } from "../../src/vendors/reading/error-status.ts"
import { errorText } from "../../src/vendors/reading/error-text.ts"
import { goDuration } from "../../src/vendors/reading/go-duration.ts"
import { delayInMessage, retryDelay, toldDelay } from "../../src/vendors/reading/retry-delay.ts"
import { isSpendCap } from "../../src/vendors/reading/spend-cap.ts"
import { usageInTail } from "../../src/vendors/reading/usage-in-tail.ts"
import { vendorMessage } from "../../src/vendors/reading/vendor-message.ts"

vi.setConfig({ testTimeout: 120_000 })

function cpuMs(run: () => void): number {
  const start = process.cpuUsage()
  run()
  return process.cpuUsage(start).user / 1000
}

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

const folder = path.join(import.meta.dirname, "../../src")
const literal =
  /(?<=[=([:,!?&|]\s*|return\s+|^\s+)\/(?![*/])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([gimsuy]*)(?=[.,;)\]\s]|$)/gm
const expressions = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) => {
    const text = readFileSync(path.join(folder, file), "utf8").replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, "")
    return [...text.matchAll(literal)].map((found) => [`${file} ${found[0]}`, found[1]!, found[2]!] as const)
  })

it("the expressions are found", () => {
  expect(expressions.length).toBeGreaterThan(40)
})

// A quadratic one takes seconds for such a text, a linear one a millisecond or two.
it.each(expressions)("%s takes time as its text is long", (_name, source, flags) => {
  const own = source.match(/[A-Za-z_"][A-Za-z_ "/-]*/g) ?? []
  const pieces = [
    ...anything,
    ...sentences,
    ...own,
    ...own.map((word) => `${word} `),
    ...own.map((word) => `${word}0`),
    own.join(""),
  ]
  for (const piece of pieces) {
    if (piece === "") continue
    const text = `${repeated(piece, 200_000)}\u0001`
    const took = cpuMs(() => void new RegExp(source, flags).exec(text))
    expect(took, `repeated ${JSON.stringify(piece)}`).toBeLessThan(150)
  }
})

const megabyte = 1_000_000
const texts = [...anything, ...sentences].map((piece) => repeated(piece, megabyte))

describe("a megabyte from a vendor", () => {
  // What it should take is below 10 ms; the machine may be busy.
  const most = 150
  it.each<[string, (text: string) => unknown]>([
    ["vendorMessage", vendorMessage],
    ["delayInMessage", delayInMessage],
    ["errorText", (text) => errorText({ error: { message: text, metadata: { raw: text } } })],
    ["errorStatus", (text) => errorStatus({ code: text, type: text, status: text, message: text })],
    ["isSpendCap", (text) => isSpendCap(text, text)],
    ["goDuration", goDuration],
    ["usageInTail", (text) => usageInTail(new TextEncoder().encode(`${text}}`))],
    ["events", (text) => new SseReader().push(new TextEncoder().encode(text))],
    ["events with data", (text) => new SseReader().push(new TextEncoder().encode(`data: ${text}\n\n`))],
  ])("%s", (_name, read) => {
    for (const text of texts)
      expect(
        cpuMs(() => void read(text)),
        JSON.stringify(text.slice(0, 20)),
      ).toBeLessThan(most)
  })

  it("in a header", () => {
    for (const text of texts.filter((one) => !/[\n\r]/.test(one) && one.trim() !== "")) {
      const headers = new Headers()
      for (const name of [
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-reset",
        "x-ratelimit-limit-requests",
        "x-ratelimit-reset-requests",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-reset",
      ])
        headers.set(name, text)
      expect(cpuMs(() => void [retryDelay(headers, 0), toldDelay(headers, text, 0)])).toBeLessThan(most)
      for (const vendor of vendors) {
        const answer = { status: 429, headers, body: {} }
        expect(
          cpuMs(() => void vendor.feedback(answer, vendor.classify(answer), 0)),
          vendor.name,
        ).toBeLessThan(most)
      }
    }
  })

  it.each(vendors.map((vendor) => [vendor.name, vendor] as const))(
    "%s: as an error, an answer, an event, a path",
    (_name, vendor) => {
      for (const text of texts) {
        const error = {
          message: text,
          code: text,
          type: text,
          status: text,
          details: [{ "@type": text, reason: text }],
        }
        for (const body of [text, { error }, { error: text }, { detail: text }, [{ error }]]) {
          const took = cpuMs(() => {
            for (const status of [400, 429]) {
              const answer = { status, headers: new Headers(), body }
              vendor.feedback(answer, vendor.classify(answer), 0)
            }
            vendor.usage(body)
            vendor.hiddenError?.(body)
          })
          expect(took, JSON.stringify(text.slice(0, 20))).toBeLessThan(most)
        }
        const url = new URL("https://localhost")
        url.pathname = text
        const took = cpuMs(() => {
          vendor.streamEvent({ event: "message", data: text })
          vendor.streamEvent({ event: text, data: "{}" })
          vendor.recognise(url, "POST")
          vendor.hosts(text)
        })
        expect(took, JSON.stringify(text.slice(0, 20))).toBeLessThan(most)
      }
    },
  )
})
