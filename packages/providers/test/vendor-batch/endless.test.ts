import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import { systemClock } from "@sluice/scheduler"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropicBatches, type BatchVendor, geminiBatches, openaiBatches, runBatches } from "../../src/index.ts"
import { anthropicHttp } from "../../src/vendor-batch/vendors/anthropic-http.ts"
import { batchHttp } from "../../src/vendor-batch/vendors/batch-http.ts"
import { geminiHttp } from "../../src/vendor-batch/vendors/gemini-http.ts"
import { endingRows, jsonRows } from "../../src/vendor-batch/vendors/json-rows.ts"
import { openaiHttp } from "../../src/vendor-batch/vendors/openai-http.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const http = (): ReturnType<typeof batchHttp> =>
  batchHttp({ vendor: "a vendor", fetch, headers: new Headers(), clock: systemClock, timeoutMs: 60_000 })
const below =
  (url: string) =>
  (path: string): URL =>
    new URL(`/v1${path}`, url)
const vendors: Record<string, (url: string) => BatchVendor> = {
  "OpenAI's SDK": (url) => openaiBatches(new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 })),
  "OpenAI by HTTP": (url) => openaiBatches(openaiHttp(http(), below(url))),
  "Anthropic's SDK": (url) => anthropicBatches(new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 })),
  "Anthropic by HTTP": (url) => anthropicBatches(anthropicHttp(http(), below(url))),
  "Google's SDK": (url) => geminiBatches(new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } })),
  "Gemini by HTTP": (url) => geminiBatches(geminiHttp(http(), below(url), "m")),
}

/** Batches of a minute ago that are not the one that is looked for, as each vendor lists them. */
function pageOf(name: string, first: number, entries: number, next: string): object {
  const numbers = Array.from({ length: entries }, (_, at) => first + at)
  const createdMs = Date.now() + 60_000
  if (name.includes("Go") || name.includes("Gemini")) {
    const operations = numbers.map((n) => ({
      name: `batches/${n}`,
      metadata: { displayName: "x", createTime: new Date(createdMs).toISOString(), state: "BATCH_STATE_RUNNING" },
    }))
    return { operations, nextPageToken: next }
  }
  const isOpenAI = name.includes("OpenAI")
  const data = numbers.map((n) => ({
    id: `batch_${n}`,
    created_at: isOpenAI ? Math.round(createdMs / 1_000) : new Date(createdMs).toISOString(),
    status: "in_progress",
    processing_status: "in_progress",
    request_counts: { processing: 9, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
  }))
  return { object: "list", data, has_more: true, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

const looked = { wallMs: Date.now(), count: 1, has: () => false }

describe.each(Object.entries(vendors))("%s: the list of batches", (name, open) => {
  it("shows the same page again and again: an error, after a few", async () => {
    const server = await scriptedServer((_n, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify(pageOf(name, 0, 100, "again")))
    })
    await expect(open(server.url).find("tag", looked)).rejects.toMatchObject({
      code: "vendor-error",
      retryable: false,
      message: expect.stringMatching(/list of them (leads back to|shows the same batches)/),
    })
    expect(server.calls.length).toBeLessThan(5)
  })

  it("never ends: an error, after 20,000 batches", async () => {
    const server = await scriptedServer((n, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify(pageOf(name, n * 1_000, 1_000, `page-${n}`)))
    })
    await expect(open(server.url).find("tag", looked)).rejects.toMatchObject({
      code: "vendor-error",
      message: expect.stringContaining("holds more than 20000"),
    })
    expect(server.calls.length).toBeLessThanOrEqual(21)
  })
})

it("pages that hold nothing and never end are an error; a page that is no list is one", async () => {
  const server = await scriptedServer((n, response) => {
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ nextPageToken: `page-${n}` }))
  })
  await expect(vendors["Gemini by HTTP"]!(server.url).find("tag", looked)).rejects.toThrow("more than 200 pages")
  for (const body of ["{}", '{"data":{}}', '{"data":null,"has_more":true}', "[]", "7"]) {
    const other = await scriptedServer((_n, response) => response.end(body))
    for (const one of ["OpenAI by HTTP", "Anthropic by HTTP"]) {
      await expect(vendors[one]!(other.url).find("tag", looked)).rejects.toThrow("a page that is no list")
    }
  }
})

it("a run whose batch cannot be looked for ends with that error", async () => {
  const server = await scriptedServer((_n, response, request) => {
    const isList = request.method === "GET"
    response.writeHead(isList ? 200 : 500, { "content-type": "application/json" })
    response.end(isList ? JSON.stringify(pageOf("OpenAI", 0, 100, "")) : '{"error":{"message":"gone"}}')
  })
  const vendor = vendors["OpenAI by HTTP"]!(server.url)
  const outcome = runBatches([{ model: "m", messages: [] }], { vendor, clock: fastClock() })
  await expect(outcome).rejects.toMatchObject({ message: expect.stringContaining("leads back to") })
})

it("results that never end are an error: rows without end, and one row without end", async () => {
  const encoder = new TextEncoder()
  async function* forever(piece: string): AsyncGenerator<Uint8Array> {
    const bytes = encoder.encode(piece.repeat(1_000))
    for (;;) yield bytes
  }
  async function last(rows: AsyncIterable<unknown>): Promise<void> {
    for await (const _row of rows);
  }
  const most = { rows: 10_000, bytesOfRow: 100_000 }
  await expect(last(jsonRows(forever("7\n"), most))).rejects.toMatchObject({
    code: "answer-too-large",
    message: expect.stringContaining("more than 10000 rows"),
  })
  await expect(last(jsonRows(forever("no JSON\n"), most))).rejects.toThrow("more than 10000 rows")
  await expect(last(jsonRows(forever("x"), most))).rejects.toThrow("100000 bytes without a row")
  await expect(last(jsonRows(forever(" \n"), most))).rejects.toThrow("100000 bytes without a row")
  async function* rows(): AsyncGenerator<number> {
    for (;;) yield 1
  }
  await expect(last(endingRows(rows()))).rejects.toThrow("more than 1000000 rows")
})
