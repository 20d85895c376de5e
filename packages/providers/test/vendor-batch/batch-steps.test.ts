import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import type { Clock } from "@sluice/core"
import { startVendor } from "@sluice/lab"
import OpenAI from "openai"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import {
  anthropicBatches,
  anthropicOptions,
  type BatchVendor,
  geminiBatches,
  googleOptions,
  limitedFetch,
  openaiBatches,
  openaiOptions,
  runBatches,
} from "../../src/index.ts"
import { clientsOf, outcomesOf, texts, valuesOf, vendorNames } from "../lane-setup.ts"
import { fastClock } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type VendorName = (typeof vendorNames)[number]
type Step = "upload" | "create" | "poll" | "download"

/** Which step of its batch API a request is; Gemini's results stand in the job that the last look shows. */
function stepOf(name: VendorName, method: string, path: string, isEnded: boolean): Step | undefined {
  if (method === "POST") {
    if (path.endsWith("/files")) return "upload"
    return /\/batches$|:batchGenerateContent$/.test(path) ? "create" : undefined
  }
  if (/\/content$|\/results$/.test(path)) return "download"
  if (!/\/batches\/[^/]+$/.test(path)) return undefined
  return name === "gemini" && isEnded ? "download" : "poll"
}

interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

/** Lab's vendor behind a door that refuses the first calls of one step. */
async function refusingDoor(
  name: VendorName,
  refuse: { readonly step: Step; readonly times: number } & Refusal,
  clock: Clock,
): Promise<{ url: string; arrivals: number[]; refused: () => number; jobs: () => number }> {
  const vendor = await startVendor({
    answer: "echo",
    clock,
    latency: { baseMs: 1, perOutputTokenMs: 0 },
    batch: { validatingMs: 10_000, processingMs: 40_000, finalizingMs: 10_000 },
  })
  const arrivals: number[] = []
  let refused = 0
  let isEnded = false
  const pass = async (
    { method = "GET", url = "/", headers: had }: IncomingMessage,
    body: Buffer,
    to: ServerResponse,
  ) => {
    const headers = new Headers(Object.entries(had).map(([key, value]) => [key, String(value)]))
    for (const own of ["host", "connection", "content-length", "transfer-encoding", "expect"]) headers.delete(own)
    const answer = await fetch(new URL(url, vendor.url), { method, headers, ...(body.length > 0 ? { body } : {}) })
    const text = (await answer.text()).replaceAll(vendor.url, `http://${had.host}`)
    isEnded ||= name === "gemini" && text.includes("STATE_SUCCEEDED")
    to.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" }).end(text)
  }
  const door = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { method = "GET", url = "/" } = request
      const step = stepOf(name, method, new URL(url, vendor.url).pathname, isEnded)
      if (step === refuse.step) arrivals.push(clock.now())
      if (step !== refuse.step || refused === refuse.times) return void pass(request, Buffer.concat(chunks), response)
      refused++
      const { status, headers = {}, body = { error: { message: "later" } } } = refuse
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve))
  onTestFinished(async () => {
    door.closeAllConnections()
    await new Promise((resolve) => door.close(resolve))
    await vendor.stop()
  })
  const url = `http://127.0.0.1:${(door.address() as AddressInfo).port}`
  return { url, arrivals, refused: () => refused, jobs: () => vendor.stats().batches.jobs }
}

const bodies: Readonly<Record<VendorName, readonly Record<string, unknown>[]>> = {
  openai: texts(4).map((content) => ({ model: "m", messages: [{ role: "user", content }] })),
  anthropic: texts(4).map((content) => ({ model: "m", max_tokens: 9, messages: [{ role: "user", content }] })),
  gemini: texts(4).map((contents) => ({ model: "m", contents })),
}

const bare: Readonly<Record<VendorName, (url: string) => BatchVendor>> = {
  openai: (url) => openaiBatches(new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 })),
  anthropic: (url) => anthropicBatches(new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 })),
  gemini: (url) =>
    geminiBatches(new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, retryOptions: { attempts: 1 } } })),
}

const limitedBy: Readonly<Record<VendorName, (url: string, clock: Clock) => BatchVendor>> = {
  openai: (url, clock) =>
    openaiBatches(new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limitedFetch({ clock })) })),
  anthropic: (url, clock) =>
    anthropicBatches(new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limitedFetch({ clock })) })),
  gemini: (url, clock) =>
    geminiBatches(
      new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, ...googleOptions(limitedFetch({ clock })) } }),
    ),
}

type Run = (name: VendorName, url: string, clock: Clock) => Promise<unknown[]>
const runs: Readonly<Record<string, Run>> = {
  "runBatches with the SDK": async (name, url, clock) =>
    (await runBatches(bodies[name], { vendor: bare[name](url), clock, pollMs: 5_000 })).map(({ status }) => status),
  "runBatches with the SDK under limitedFetch": async (name, url, clock) =>
    (await runBatches(bodies[name], { vendor: limitedBy[name](url, clock), clock, pollMs: 5_000 })).map(
      ({ status }) => status,
    ),
  "a batch node's lane": async (name, url, clock) => {
    const setup = clientsOf({ url } as never, {}, clock)
    const outcomes = await outcomesOf(setup, setup.ask[name], texts(4), "batch")
    expect(valuesOf(outcomes)).toEqual(texts(4))
    return outcomes.map(({ status }) => status)
  },
}

const googleBody = {
  error: {
    code: 429,
    status: "RESOURCE_EXHAUSTED",
    message: "Resource has been exhausted.",
    details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "30s" }],
  },
}
const refusals: readonly (readonly [string, Step, Refusal])[] = [
  ["503 at the upload", "upload", { status: 503 }],
  ["503 at the creation", "create", { status: 503 }],
  ["429 at the creation, with a delay in a header", "create", { status: 429, headers: { "retry-after": "30" } }],
  ["429 at the creation, with a delay in the body", "create", { status: 429, body: googleBody }],
  ["503 at the looks", "poll", { status: 503 }],
  ["503 at the download", "download", { status: 503 }],
]

describe.each(vendorNames)("%s's batches", (name) => {
  const here = refusals.filter(([, step]) => name === "openai" || step !== "upload")
  describe.each(Object.entries(runs))("%s", (how, run) => {
    // Google's SDK keeps no header of an answer that is an error.
    const isHidden = name === "gemini" && how === "runBatches with the SDK"
    it.each(here.filter(([, , { headers }]) => !isHidden || headers === undefined))(
      "survive %s",
      async (what, step, refusal) => {
        const clock = fastClock()
        const { url, arrivals, refused, jobs } = await refusingDoor(name, { step, times: 2, ...refusal }, clock)
        expect(await run(name, url, clock)).toEqual(["ok", "ok", "ok", "ok"])
        expect([refused(), jobs()]).toEqual([2, 1])
        if (what.includes("delay"))
          for (const nth of [1, 2]) expect(arrivals[nth]! - arrivals[nth - 1]!).toBeGreaterThanOrEqual(30_000)
      },
    )
  })
})
