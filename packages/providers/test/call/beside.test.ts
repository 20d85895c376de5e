import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropicOptions, googleOptions, limitedFetch, type LimitedFetch, openaiOptions } from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"
import { fastClock, scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Send = (clients: ReturnType<typeof clientsOf>) => PromiseLike<unknown>
const clientsOf = (url: string, limited: LimitedFetch) => ({
  openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) }),
  anthropic: new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) }),
  google: new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, ...googleOptions(limited) } }),
})
const file = (): File => new File(["{}\n"], "a.jsonl")
const batch = { input_file_id: "f", endpoint: "/v1/chat/completions", completion_window: "24h" } as const
const counted = { model: "m", messages: [{ role: "user" as const, content: "hi" }] }

const calls: Record<string, Send> = {
  "models, listed": ({ openai }) => openai.models.list(),
  "a file, uploaded": ({ openai }) => openai.files.create({ file: file(), purpose: "batch" }),
  "a file, read": ({ openai }) => openai.files.retrieve("file-1"),
  "a batch, created": ({ openai }) => openai.batches.create(batch),
  "a batch, looked at": ({ openai }) => openai.batches.retrieve("b"),
  "an answer, looked at": ({ openai }) => openai.responses.retrieve("r"),
  speech: ({ openai }) => openai.audio.speech.create({ model: "tts", voice: "alloy", input: "hi" }),
  "a transcription": ({ openai }) => openai.audio.transcriptions.create({ file: file(), model: "whisper" }),
  "an image, edited": ({ openai }) => openai.images.edit({ image: file(), prompt: "hi", model: "gpt-image" }),
  "tokens, counted": ({ anthropic }) => anthropic.messages.countTokens(counted),
  "message batches, listed": ({ anthropic }) => anthropic.messages.batches.list(),
  "a message batch, created": ({ anthropic }) =>
    anthropic.messages.batches.create({ requests: [{ custom_id: "a", params: { ...counted, max_tokens: 9 } }] }),
  "Gemini's models": ({ google }) => google.models.get({ model: "m" }),
  "Gemini's tokens": ({ google }) => google.models.countTokens({ model: "m", contents: "hi" }),
}

describe.each(Object.entries(calls))("%s", (_name, send) => {
  it.each<[string, number, Record<string, string>]>([
    ["503", 503, {}],
    ["429 with a delay", 429, { "retry-after": "7" }],
  ])("%s: tried again, with the same body, and the SDK never knows", async (_what, status, headers) => {
    const clock = fastClock()
    const server = await scriptedServer((n, response) => {
      response.writeHead(n === 0 ? status : 200, { "content-type": "application/json", ...(n === 0 ? headers : {}) })
      response.end(n === 0 ? '{"error":{"message":"later"}}' : '{"id":"x","data":[]}')
    }, clock)
    const limited = limitedFetch({ clock })
    await send(clientsOf(server.url, limited))
    expect(server.calls).toHaveLength(2)
    const [first, second] = server.calls
    // A form's boundary is drawn anew for each request.
    const plain = (body: string): string => body.replaceAll(/-{2,}\S*(?:formdata|boundary)\S*/gi, "")
    expect(plain(second!.body)).toBe(plain(first!.body))
    if (status === 429) expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(6900)
    expect(inFlight(limited)).toBe(0)
    await limited.close()
  })
})

it("what would make a thing twice is not tried again where it may have been made", async () => {
  const server = await scriptedServer((_n, response) => void response.writeHead(500).end())
  const limited = limitedFetch({ clock: fastClock() })
  const { openai } = clientsOf(server.url, limited)
  await expect(openai.batches.create(batch)).rejects.toMatchObject({ status: 500 })
  expect(server.calls).toHaveLength(1)
  await expect(openai.batches.retrieve("b")).rejects.toMatchObject({ status: 500 })
  expect(server.calls).toHaveLength(7)
  await limited.close()
})

it("what is refused for good, or for money, is one call", async () => {
  const answers = [
    { status: 404, body: { error: { message: "no such file" } } },
    { status: 429, body: { error: { code: "insufficient_quota", message: "pay" } } },
  ]
  const server = await scriptedServer((n, response) => {
    const { status, body } = answers[n]!
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  })
  const limited = limitedFetch({ clock: fastClock() })
  const { openai } = clientsOf(server.url, limited)
  for (const { status } of answers) await expect(openai.files.retrieve("file-1")).rejects.toMatchObject({ status })
  expect(server.calls).toHaveLength(2)
  await limited.close()
})

it("what the vendor counts is limited: transcriptions of one model wait for each other", async () => {
  let atOnce = 0
  let mostAtOnce = 0
  const server = await scriptedServer((_n, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    setTimeout(() => {
      atOnce--
      response.end('{"text":"hi"}')
    }, 50)
  })
  const limited = limitedFetch({ concurrency: 1 })
  const { openai } = clientsOf(server.url, limited)
  await Promise.all([1, 2, 3].map(() => openai.audio.transcriptions.create({ file: file(), model: "whisper" })))
  expect([server.calls.length, mostAtOnce]).toEqual([3, 1])
  expect(limited.snapshot().map(({ name }) => name.split("/").at(-1))).toEqual(["*"])
  await limited.close()
  const learning = limitedFetch()
  await clientsOf(server.url, learning).openai.audio.transcriptions.create({ file: file(), model: "whisper" })
  expect(learning.snapshot().map(({ name }) => name.split("/").at(-1))).toEqual(["whisper"])
  await learning.close()
})

it("an abort ends it at once, also while it waits to be tried again", async () => {
  const controller = new AbortController()
  const server = await scriptedServer((_n, response) => {
    response.writeHead(503, { "retry-after": "3600" }).end()
    controller.abort(new Error("enough"))
  })
  const limited = limitedFetch()
  await expect(limited(`${server.url}/v1/models`, { signal: controller.signal })).rejects.toThrow("enough")
  expect(server.calls).toHaveLength(1)
  await limited.close()
})

it("anybody else's pages pass through untouched", async () => {
  const server = await scriptedServer((_n, response) => void response.writeHead(503).end())
  const limited = limitedFetch({ clock: fastClock() })
  expect((await limited(`${server.url}/weather`)).status).toBe(503)
  expect(server.calls).toHaveLength(1)
  await limited.close()
})
