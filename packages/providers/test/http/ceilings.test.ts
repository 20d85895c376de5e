import { gzipSync } from "node:zlib"
import { expect, it, vi } from "vitest"
import OpenAI from "openai"
import { mostTimesAsLong, timesAsLong } from "../../../../scripts/testing/linear.ts"
import { limitedFetch, openaiOptions, VendorError } from "../../src/index.ts"
import { SseReader } from "../../src/http/sse.ts"
import { inFlight } from "../fake-vendor.ts"
import { scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const megabyte = 1_000_000
const bomb = gzipSync(Buffer.alloc(300 * megabyte, 32))
const post = { method: "POST", headers: { authorization: "Bearer k" }, body: '{"model":"m"}' }

function peakOf(): () => number {
  const before = process.memoryUsage()
  let most = 0
  const timer = setInterval(() => {
    const { heapUsed, external } = process.memoryUsage()
    most = Math.max(most, heapUsed + external - before.heapUsed - before.external)
  }, 2)
  return () => (clearInterval(timer), most / megabyte)
}

it("a bomb at status 400: a megabyte of it is read, the error is the vendor's", async () => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(400, { "content-type": "application/json", "content-encoding": "gzip" }).end(bomb)
  })
  const limited = limitedFetch()
  const peak = peakOf()
  const answer = await limited(`${server.url}/v1/chat/completions`, post)
  expect(peak()).toBeLessThan(100)
  expect(answer.status).toBe(400)
  expect((await answer.text()).length).toBeLessThanOrEqual(1_048_576)
  expect([server.calls.length, inFlight(limited)]).toEqual([1, 0])
  await limited.close()
})

it("an answer above maxAnswerBytes is an error of its own, made once", async () => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(bomb)
  })
  const limited = limitedFetch({ maxAnswerBytes: 5 * megabyte })
  const peak = peakOf()
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const error: unknown = await client.embeddings.create({ model: "m", input: "hi" }).catch((caught: unknown) => caught)
  expect(peak()).toBeLessThan(100)
  const { cause } = error as Error
  expect(cause).toBeInstanceOf(VendorError)
  expect(cause).toMatchObject({
    code: "answer-too-large",
    retryable: false,
    message: expect.stringContaining("maxAnswerBytes"),
  })
  expect([server.calls.length, inFlight(limited)]).toEqual([1, 0])
  await limited.close()
})

it("a streamed answer without end of an event: passes through, uncounted, in little memory", async () => {
  const line = `data: ${"x".repeat(65_536)}\n`
  const count = 400
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write('data: {"choices":[{"delta":{"content":"hi"}}]}\n\n')
    let sent = 0
    const more = (): void => {
      while (sent++ < count) if (!response.write(line)) return void response.once("drain", more)
      response.end("\n")
    }
    more()
  })
  const limited = limitedFetch()
  const peak = peakOf()
  const answer = await limited(`${server.url}/v1/chat/completions`, post)
  let bytes = 0
  for await (const chunk of answer.body!) bytes += chunk.length
  expect(bytes).toBeGreaterThan(count * 65_536)
  expect(peak()).toBeLessThan(120)
  expect(inFlight(limited)).toBe(0)
  await limited.close()
})

it("bytes without output are not held back for ever", async () => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    const more = (): void => {
      while (!response.destroyed)
        if (!response.write(`: ${"x".repeat(65_536)}\n\n`)) return void response.once("drain", more)
    }
    more()
  })
  const limited = limitedFetch()
  const peak = peakOf()
  const answer = await limited(`${server.url}/v1/chat/completions`, post)
  expect(peak()).toBeLessThan(100)
  await answer.body!.cancel()
  expect(inFlight(limited)).toBe(0)
  await limited.close()
})

it("an event above 8 MB is no event; the ones after it are", () => {
  const reader = new SseReader()
  const encoder = new TextEncoder()
  const events = [...reader.push(encoder.encode("data: a\n\n"))]
  for (let part = 0; part < 200; part++) events.push(...reader.push(encoder.encode(`data: ${"x".repeat(50_000)}\n`)))
  events.push(...reader.push(encoder.encode(`\ndata: ${"y".repeat(9 * megabyte)}`)))
  events.push(...reader.push(encoder.encode("\n\ndata: b\n\n")), ...reader.end())
  expect(events).toEqual([
    { event: "message", data: "a" },
    { event: "message", data: "b" },
  ])
})

it("reading events costs what their bytes cost, however they are cut", () => {
  const inOnePiece = (text: string): unknown => new SseReader().push(new TextEncoder().encode(text))
  const inSmallPieces = (text: string): void => {
    const bytes = new TextEncoder().encode(text)
    const reader = new SseReader()
    for (let from = 0; from < bytes.length; from += 1000) reader.push(bytes.subarray(from, from + 1000))
  }
  for (const read of [inOnePiece, inSmallPieces]) {
    expect(timesAsLong(read, (length) => "data: x\n\n".repeat(length / 9), 3 * megabyte)).toBeLessThan(mostTimesAsLong)
    expect(timesAsLong(read, (length) => `data: ${"x".repeat(length)}`, 7 * megabyte)).toBeLessThan(mostTimesAsLong)
  }
})
