import OpenAI, { toFile } from "openai"
import { expect, test } from "vitest"
import { VirtualClock, type ServerOptions, type VendorServer } from "../../src/index.ts"
import { post, vendorFor } from "./started-vendor.ts"

const clock = new VirtualClock()
const times = { validatingMs: 100, processingMs: 1000, finalizingMs: 100 }
let vendor: VendorServer

async function connect(options: ServerOptions = {}): Promise<OpenAI> {
  vendor = await vendorFor({ clock, answer: "echo", ...options, batch: { ...times, ...options.batch } })
  return new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "sk-lab", maxRetries: 0 })
}

const request = (index: number, change: object = {}) => ({
  custom_id: `item-${index}`,
  method: "POST",
  url: "/v1/chat/completions",
  body: { model: "gpt-lab", messages: [{ role: "user", content: `Text ${index}` }] },
  ...change,
})

async function submit(openai: OpenAI, lines: readonly (object | string)[], endpoint = "/v1/chat/completions" as const) {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n")
  const file = await openai.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" })
  return openai.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h", metadata: { run: "one" } })
}

async function readLines(openai: OpenAI, id: string | null | undefined): Promise<Record<string, unknown>[]> {
  if (id == null) return []
  const text = await (await openai.files.content(id)).text()
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test("files: what was uploaded comes back byte for byte, is listed and can be deleted", async () => {
  const openai = await connect()
  const content = Buffer.from([0, 255, 13, 10, 45, 45, 97])
  const file = await openai.files.create({ file: await toFile(content, "odd.bin"), purpose: "user_data" })
  expect(file).toMatchObject({ object: "file", filename: "odd.bin", bytes: 7, purpose: "user_data" })
  expect(Buffer.from(await (await openai.files.content(file.id)).arrayBuffer())).toEqual(content)
  expect((await openai.files.list()).data.map(({ id }) => id)).toEqual([file.id])
  expect(await openai.files.delete(file.id)).toMatchObject({ deleted: true })
  await expect(openai.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError)
})

test("a batch goes through its states and answers each request once, not in input order", async () => {
  const openai = await connect()
  const { id, status } = await submit(
    openai,
    Array.from({ length: 20 }, (_, index) => request(index)),
  )
  const states = [status]
  for (const ms of [100, 500, 500, 100]) {
    await clock.advance(ms)
    states.push((await openai.batches.retrieve(id)).status)
  }
  expect(states).toEqual(["validating", "in_progress", "in_progress", "finalizing", "completed"])

  const batch = await openai.batches.retrieve(id)
  expect(batch).toMatchObject({
    request_counts: { total: 20, completed: 20, failed: 0 },
    metadata: { run: "one" },
    error_file_id: null,
  })
  expect((batch.completed_at ?? 0) - batch.created_at).toBeGreaterThanOrEqual(1)
  const lines = await readLines(openai, batch.output_file_id)
  const order = lines.map((line) => String(line["custom_id"]))
  const input = Array.from({ length: 20 }, (_, index) => `item-${index}`)
  expect(order).not.toEqual(input)
  expect(order.toSorted()).toEqual(input.toSorted())
  for (const line of lines) {
    const answer = line["response"] as { status_code: number; body: OpenAI.ChatCompletion }
    expect(answer.status_code).toBe(200)
    expect(answer.body.choices[0]?.message.content).toBe(`Text ${String(line["custom_id"]).slice(5)}`)
  }
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 1, answered: 20, failed: 0, repeats: 0 } })
})

test("progress is visible while it runs", async () => {
  const openai = await connect()
  const { id } = await submit(
    openai,
    Array.from({ length: 10 }, (_, index) => request(index)),
  )
  await clock.advance(100 + 550)
  expect((await openai.batches.retrieve(id)).request_counts).toEqual({ total: 10, completed: 5, failed: 0 })
})

test("requests that fail are in the error file, and nowhere else", async () => {
  const openai = await connect({ batch: { errorRate: 0.4 } })
  const { id } = await submit(
    openai,
    Array.from({ length: 30 }, (_, index) => request(index)),
  )
  await clock.advance(1200)
  const batch = await openai.batches.retrieve(id)
  const answered = await readLines(openai, batch.output_file_id)
  const failed = await readLines(openai, batch.error_file_id)
  expect(failed.length).toBeGreaterThan(3)
  expect(answered.length).toBeGreaterThan(3)
  expect(new Set([...answered, ...failed].map((line) => line["custom_id"])).size).toBe(30)
  expect(batch.request_counts).toEqual({ total: 30, completed: answered.length, failed: failed.length })
  expect(failed[0]).toMatchObject({ response: { status_code: 500, body: { error: { type: "server_error" } } } })
})

test("a cancelled batch keeps what was done", async () => {
  const openai = await connect()
  const { id } = await submit(
    openai,
    Array.from({ length: 10 }, (_, index) => request(index)),
  )
  await clock.advance(100 + 300)
  expect((await openai.batches.cancel(id)).status).toBe("cancelling")
  await clock.advance(100)
  const batch = await openai.batches.retrieve(id)
  expect(batch.status).toBe("cancelled")
  expect(await readLines(openai, batch.output_file_id)).toHaveLength(3)
})

test("an expired batch returns what was done; the rest is in the error file as batch_expired", async () => {
  const openai = await connect({ batch: { expireAfterMs: 600 } })
  const { id } = await submit(
    openai,
    Array.from({ length: 10 }, (_, index) => request(index)),
  )
  await clock.advance(800)
  const batch = await openai.batches.retrieve(id)
  expect(batch.status).toBe("expired")
  expect(await readLines(openai, batch.output_file_id)).toHaveLength(5)
  expect(
    (await readLines(openai, batch.error_file_id)).map((line) => (line["error"] as { code: string }).code),
  ).toEqual(Array(5).fill("batch_expired"))
})

test("too many enqueued tokens: accepted, then failed with token_limit_exceeded", async () => {
  const openai = await connect({ batch: { maxEnqueuedTokens: 5 } })
  const { id, status } = await submit(
    openai,
    Array.from({ length: 10 }, (_, index) => request(index)),
  )
  expect(status).toBe("validating")
  await clock.advance(100)
  expect(await openai.batches.retrieve(id)).toMatchObject({
    status: "failed",
    errors: { data: [{ code: "token_limit_exceeded" }] },
  })
})

test.each([
  ["no JSON", ["{oops"], "invalid_json_line", 1],
  ["no custom_id", [request(0, { custom_id: undefined })], "missing_required_parameter", 1],
  ["the same custom_id twice", [request(0), request(0)], "duplicate_custom_id", 2],
  ["another endpoint", [request(0, { url: "/v1/embeddings" })], "mismatched_url", 1],
  ["two models", [request(0), request(1, { body: { ...request(1).body, model: "other" } })], "model_mismatch", null],
  ["a body that makes no sense", [request(0, { body: { model: "gpt-lab" } })], "invalid_request", 1],
  ["nothing", [""], "empty_file", null],
])("input with %s fails in validation and says which line", async (_, lines, code, line) => {
  const openai = await connect()
  const { id } = await submit(openai, lines)
  await clock.advance(100)
  const batch = await openai.batches.retrieve(id)
  expect(batch.status).toBe("failed")
  expect(batch.errors?.data?.[0]).toMatchObject({ code, line })
})

test("batches of responses and of embeddings answer in the shape of their endpoint", async () => {
  const openai = await connect()
  const ask = (url: string, body: object) => request(0, { url, body: { model: "lab", input: "Say hello", ...body } })
  const text = await submit(openai, [ask("/v1/responses", {})], "/v1/responses" as never)
  const vector = await submit(openai, [ask("/v1/embeddings", { dimensions: 8 })], "/v1/embeddings" as never)
  await clock.advance(1200)
  const [said] = await readLines(openai, (await openai.batches.retrieve(text.id)).output_file_id)
  const [embedded] = await readLines(openai, (await openai.batches.retrieve(vector.id)).output_file_id)
  expect(said).toMatchObject({
    response: { body: { object: "response", output: [{ content: [{ text: "Say hello" }] }] } },
  })
  const vectors = embedded as { response: { body: OpenAI.CreateEmbeddingResponse } } | undefined
  expect(vectors?.response.body.data[0]?.embedding).toHaveLength(8)
  expect((await openai.batches.list()).data.map(({ id }) => id)).toEqual([vector.id, text.id])
})

test("answering the same body in two batches is a repeat", async () => {
  const openai = await connect()
  for (const { id } of [await submit(openai, [request(1)]), await submit(openai, [request(1)])]) {
    await clock.advance(1200)
    await openai.batches.retrieve(id)
  }
  expect(vendor.stats().batches).toMatchObject({ jobs: 2, answered: 2, repeats: 1 })
})

test("a batch of a file that does not exist, or of another window, is refused", async () => {
  await connect()
  const order = { input_file_id: "file-none", endpoint: "/v1/chat/completions", completion_window: "24h" }
  expect((await post(`${vendor.url}/v1/batches`, order)).status).toBe(404)
  expect(await post(`${vendor.url}/v1/batches`, { ...order, completion_window: "1h" })).toMatchObject({
    status: 400,
    body: { error: { param: "completion_window" } },
  })
})
