import { readFileSync } from "node:fs"
import { VirtualClock, seededRandom } from "@sluice/lab"
import { expect, it } from "vitest"
import { limitedFetch } from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"

// `FUZZ=5000` for the long run.
const rounds = Number(process.env["FUZZ"] ?? 400)

const fixture = (path: string): string => readFileSync(new URL(`../fixtures/${path}`, import.meta.url), "utf8")
const answerOf = (path: string): { status: number; headers: Record<string, string>; body: string } => {
  const { answer } = JSON.parse(fixture(path)) as {
    answer: { status: number; headers: Record<string, string>; body: unknown }
  }
  return {
    status: answer.status,
    headers: { "content-type": "application/json", ...answer.headers },
    body: JSON.stringify(answer.body),
  }
}
const streamOf = (path: string): { status: number; headers: Record<string, string>; body: string } => ({
  status: 200,
  headers: { "content-type": "text/event-stream" },
  body: fixture(path),
})

const vendors = {
  openai: {
    url: "https://api.openai.com/v1/chat/completions",
    answers: [
      ...[
        "ok",
        "rate-limit-tokens",
        "rate-limit-requests",
        "slow-down",
        "overloaded",
        "server-error",
        "bad-request",
        "rate-limit-day",
        "billing/insufficient-quota",
      ].map((name) => answerOf(`openai/${name}.json`)),
      ...["chat-stream", "chat-stream-error", "responses-stream", "responses-stream-failed"].map((name) =>
        streamOf(`openai/streams/${name}.txt`),
      ),
    ],
  },
  anthropic: {
    url: "https://api.anthropic.com/v1/messages",
    answers: [
      ...["ok", "rate-limit", "overloaded", "own-cap", "acceleration"].map((name) =>
        answerOf(`anthropic/${name}.json`),
      ),
      ...["stream", "stream-overloaded"].map((name) => streamOf(`anthropic/streams/${name}.txt`)),
    ],
  },
  gemini: {
    url: "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
    answers: [
      ...["ok", "per-minute", "per-day", "overloaded"].map((name) => answerOf(`gemini/${name}.json`)),
      streamOf("gemini/streams/stream.txt"),
    ],
  },
} as const

const absurd = [
  "-1",
  "0",
  "NaN",
  "Infinity",
  "1e308",
  "999999999999999999999",
  "soon",
  "6m0s6m0s",
  "",
  "-90",
  "Thu, 01 Jan 1970 00:00:00 GMT",
  "Fri, 31 Dec 9999 23:59:59 GMT",
  "1h1h1h",
  "0x10",
  "９",
]
const headerNames = [
  "retry-after",
  "retry-after-ms",
  "x-ms-retry-after-ms",
  "x-should-retry",
  "content-type",
  "content-length",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
  "anthropic-ratelimit-requests-limit",
  "anthropic-ratelimit-requests-remaining",
  "anthropic-ratelimit-requests-reset",
  "anthropic-ratelimit-input-tokens-limit",
  "anthropic-ratelimit-input-tokens-remaining",
  "anthropic-ratelimit-input-tokens-reset",
]

it(`${rounds} corrupted answers: no hang, no crash, no unhandled rejection, no permit lost (peer defect 19), no absurd stall`, async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on("unhandledRejection", note)
  let handed = 0
  for (let round = 0; round < rounds; round++) {
    const random = seededRandom(round + 1)
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)]!
    const clock = new VirtualClock({ wallMs: Date.parse("2026-11-24T10:00:00Z") })
    const { url, answers } = pick(Object.values(vendors))
    const limited = limitedFetch({
      clock,
      random,
      timeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      maxWaitMs: 60_000,
      retry: { maxAttempts: 3, maxRefusals: 3, backoff: { maxMs: 5000 } },
      fetch: async (_input, init) => corrupted(pick(answers), random.next.bind(random), pick, init!.signal!),
    })
    const calls = Promise.all(
      [0, 1, 2]
        .map(async (n) => {
          const response = await limited(url, {
            method: "POST",
            headers: { authorization: `Bearer ${n % 2}` },
            body: '{"model":"m","stream":true,"messages":[]}',
          })
          handed++
          if (random.next() < 0.2) return response.body?.cancel()
          await response.text()
        })
        .map((call) => call.catch(() => {})),
    )
    await clock.run(calls).catch((error: unknown) => {
      throw new Error(`round ${round}`, { cause: error })
    })
    expect(inFlight(limited), `round ${round}: permits`).toBe(0)
    // Three attempts of three refusals, each within maxWaitMs and the time-outs.
    expect(clock.now(), `round ${round}: stalled`).toBeLessThan(300_000)
    await limited.close()
  }
  await new Promise((resolve) => setImmediate(resolve))
  process.off("unhandledRejection", note)
  expect(unhandled).toEqual([])
  expect(handed).toBeGreaterThan(rounds)
}, 300_000)

type Pick = <T>(all: readonly T[]) => T

/** The answer with one to three things wrong with it. */
function corrupted(
  { status, headers, body }: { status: number; headers: Record<string, string>; body: string },
  next: () => number,
  pick: Pick,
  signal: AbortSignal,
): Response {
  if (next() < 0.05)
    throw new TypeError("fetch failed", {
      cause: Object.assign(new Error("gone"), { code: pick(["ECONNRESET", "UND_ERR_SOCKET", "ENOTFOUND"]) }),
    })
  const sent = { status, headers: { ...headers }, text: body, ending: "close" as "close" | "error" | "hang" }
  for (let n = 1 + Math.floor(next() * 3); n > 0; n--) corrupt(sent, next, pick)
  const bytes = new TextEncoder().encode(sent.text)
  let from = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => signal.addEventListener("abort", () => controller.error(signal.reason)),
      pull(controller) {
        if (from < bytes.length) {
          const size = 1 + Math.floor(next() * 200)
          controller.enqueue(bytes.slice(from, (from += size)))
        } else if (sent.ending === "close") controller.close()
        else if (sent.ending === "error") controller.error(new TypeError("terminated"))
        else return new Promise<void>(() => {})
        return undefined
      },
    },
    { highWaterMark: 0 },
  )
  const usable = Object.entries(sent.headers).filter(([, value]) =>
    [...value].every((char) => char.charCodeAt(0) < 256),
  )
  return new Response(stream, { status: sent.status, headers: usable })
}

function corrupt(
  sent: { status: number; headers: Record<string, string>; text: string; ending: "close" | "error" | "hang" },
  next: () => number,
  pick: Pick,
): void {
  const at = Math.floor(next() * sent.text.length)
  const { text } = sent
  switch (Math.floor(next() * 9)) {
    case 0:
      sent.text = text.slice(0, at)
      break
    case 1:
      sent.text =
        text.slice(0, at) + pick(["\0", "\r", "}", '"', "data:", "\n\n", "😀", "event: error\n"]) + text.slice(at)
      break
    case 2:
      sent.text = text
        .split("\n\n")
        .toSorted(() => next() - 0.5)
        .join("\n\n")
      break
    case 3:
      sent.text = text.replaceAll(/\d+/g, (digits) =>
        next() < 0.3 ? pick(["1e400", "-5", "null", '"many"', "99999999999999999999", "[]"]) : digits,
      )
      break
    case 4:
      sent.headers[pick(headerNames)] = pick(absurd)
      break
    case 5:
      sent.headers = {}
      break
    case 6:
      sent.status = pick([200, 201, 400, 401, 408, 418, 429, 500, 503, 529, 599])
      break
    case 7:
      sent.ending = pick(["error", "hang"])
      break
    default:
      sent.text = pick([
        "",
        "null",
        "[]",
        "{}",
        '"error"',
        "0",
        '{"error":null}',
        '{"error":[[]]}',
        '{"usage":{"prompt_tokens":{}}}',
        "<html>",
        "[".repeat(3000),
      ])
  }
}
