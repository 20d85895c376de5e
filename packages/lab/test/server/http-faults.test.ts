import { connect, type Socket } from "node:net"
import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import OpenAI from "openai"
import { expect, test } from "vitest"
import { startVendor, VirtualClock, type FaultKind, type ServerOptions, type VendorServer } from "../../src/index.ts"
import { post, vendorFor } from "./started-vendor.ts"

const text = "one two three four five six seven eight nine ten ".repeat(4)
const body = { model: "m", messages: [{ role: "user", content: "hello" }] }

async function failing(kind: FaultKind, options: ServerOptions = {}): Promise<VendorServer> {
  return vendorFor({ answer: { text }, faults: { rates: { [kind]: 1 } }, ...options })
}

const chat = (vendor: VendorServer, more: object = {}, signal?: AbortSignal) =>
  fetch(`${vendor.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ ...body, ...more }),
    ...(signal && { signal }),
  })

test.each(["reset", "outage"] as const)("%s tears the connection down without an answer", async (kind) => {
  const vendor = await failing(kind)
  await expect(chat(vendor)).rejects.toThrow()
  expect(vendor.stats()).toMatchObject(
    kind === "reset" ? { failed: { reset: 1 }, inFlight: 0 } : { refusedByReason: { outage: 1 } },
  )
})

test("truncate: the length is promised, half of it comes, then nothing", async () => {
  const vendor = await failing("truncate")
  const response = await chat(vendor)
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow()
  expect(vendor.stats()).toMatchObject({ answered: 0, failed: { truncate: 1 } })
})

test("malformed: a complete answer that is no JSON", async () => {
  const vendor = await failing("malformed")
  const response = await chat(vendor)
  expect(response.headers.get("content-type")).toMatch("application/json")
  const said = await response.text()
  expect(said).toMatch(/^\{"id":/)
  expect(() => JSON.parse(said)).toThrow()
})

test("streams break too: truncated, malformed", async () => {
  await expect((await chat(await failing("truncate"), { stream: true })).text()).rejects.toThrow()
  const said = await (await chat(await failing("malformed"), { stream: true })).text()
  const last = said.trim().split("\n\n").at(-1) ?? ""
  expect(() => JSON.parse(last.replace("data: ", ""))).toThrow()
  expect(said).not.toContain("[DONE]")
})

async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let events = 0
  for await (const _ of stream) events++
  return events
}

test("streamError: each SDK throws in the middle of a stream that began with 200", async () => {
  const vendor = await failing("streamError")
  const openai = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", maxRetries: 0 })
  const messages = [{ role: "user" as const, content: "hello" }]
  await expect(
    drain(await openai.chat.completions.create({ model: "m", messages, stream: true })),
  ).rejects.toMatchObject({ type: "server_error" })
  await expect(
    drain(await openai.responses.create({ model: "m", input: "hello", stream: true })),
  ).rejects.toMatchObject({ code: "server_error" })
  const anthropic = new Anthropic({ baseURL: vendor.url, apiKey: "k", maxRetries: 0 })
  await expect(
    drain(await anthropic.messages.create({ model: "m", max_tokens: 500, messages, stream: true })),
  ).rejects.toMatchObject({ type: "overloaded_error" })
  const gemini = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: vendor.url } })
  await expect(
    gemini.models.generateContentStream({ model: "m", contents: "hello" }).then(drain),
  ).rejects.toMatchObject({ status: 503 })
  expect(vendor.stats()).toMatchObject({ answered: 0, failed: { streamError: 4 }, inFlight: 0 })
})

test("streamError on a call that is not streamed is a 500", async () => {
  expect((await chat(await failing("streamError"))).status).toBe(500)
})

test("hang: no answer until the client gives up", async () => {
  const vendor = await failing("hang")
  const patience = new AbortController()
  const call = chat(vendor, {}, patience.signal)
  await expect.poll(() => vendor.stats().inFlight).toBe(1)
  patience.abort()
  await expect(call).rejects.toThrow()
  await expect.poll(() => vendor.stats()).toMatchObject({ inFlight: 0, failed: { hang: 1 } })
})

test("an outage by schedule begins and ends; a key can be refused from a moment on", async () => {
  const clock = new VirtualClock()
  const schedule = [
    { kind: "error503" as const, fromMs: 1000, toMs: 2000 },
    { kind: "keyRefused" as const, fromMs: 3000, key: "old" },
  ]
  const { url } = await vendorFor({ clock, faults: { schedule } })
  const status = async (key: string) =>
    (await post(`${url}/v1/chat/completions`, body, { authorization: `Bearer ${key}` })).status
  expect(await status("old")).toBe(200)
  await clock.advance(1500)
  expect(await status("old")).toBe(503)
  await clock.advance(1000)
  expect(await status("old")).toBe(200)
  await clock.advance(1000)
  expect([await status("old"), await status("new")]).toEqual([401, 200])
})

test("a client that leaves in the middle of a stream is counted as cancelled, with the tokens it got", async () => {
  const clock = new VirtualClock()
  const vendor = await vendorFor({
    clock,
    answer: { tokens: 100 },
    latency: { baseMs: 100, perOutputTokenMs: 10 },
    limits: { tokens: 1000 },
  })
  const leaving = new AbortController()
  const call = chat(vendor, { stream: true }, leaving.signal)
  await expect.poll(() => clock.pending).toBe(1)
  await clock.advance(100)
  const reader = (await call).body?.getReader()
  await reader?.read()
  await clock.advance(500)
  await reader?.read()
  leaving.abort()
  await expect.poll(() => vendor.stats()).toMatchObject({ inFlight: 0, answered: 0, failed: { cancelled: 1 } })
  const [limit] = vendor.stats().limits
  expect(limit?.remaining).toBeLessThan(1000 - 40)
})

test("a stream comes at the model's pace", async () => {
  const clock = new VirtualClock()
  const vendor = await vendorFor({ clock, answer: { tokens: 50 }, latency: { baseMs: 100, perOutputTokenMs: 20 } })
  const call = chat(vendor, { stream: true })
  await expect.poll(() => clock.pending).toBe(1)
  await clock.advance(99)
  let seen = ""
  const reading = call.then(async (response) => {
    for await (const chunk of response.body ?? []) seen += Buffer.from(chunk).toString()
  })
  const tokens = () => [...seen.matchAll(/"content":"([^"]*)"/g)].map(([, said]) => said).join("").length / 4
  expect(tokens()).toBe(0)
  for (const expected of [0, 10, 30]) {
    await clock.advance(expected === 0 ? 1 : expected === 10 ? 210 : 400)
    await expect.poll(tokens).toBe(expected)
  }
  await clock.advance(1000)
  await reading
  expect(seen).toContain("[DONE]")
})

test("stop cuts hanging calls, open streams and idle connections, and frees the port", async () => {
  const vendor = await startVendor({ faults: { rates: { hang: 1 } } })
  const hanging = chat(vendor).catch((error: unknown) => error)
  const idle = await open(vendor.port)
  await expect.poll(() => vendor.stats().inFlight).toBe(1)
  const closed = new Promise((resolve) => idle.once("close", resolve))
  await vendor.stop()
  await vendor.stop()
  expect(await hanging).toBeInstanceOf(Error)
  await closed
  await expect(open(vendor.port)).rejects.toThrow("ECONNREFUSED")
})

test("stop leaves no timer behind: the calls in flight are cancelled", async () => {
  const clock = new VirtualClock()
  const vendor = await startVendor({ clock, latency: { baseMs: 60_000 } })
  const calls = [chat(vendor), chat(vendor, { stream: true })].map((call) => call.catch(() => "cut"))
  await expect.poll(() => clock.pending).toBe(2)
  await vendor.stop()
  expect(await Promise.all(calls)).toEqual(["cut", "cut"])
  expect(clock.pending).toBe(0)
})

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket))
    socket.once("error", reject)
  })
}
