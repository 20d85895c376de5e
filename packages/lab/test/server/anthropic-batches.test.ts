import Anthropic from "@anthropic-ai/sdk"
import { expect, test } from "vitest"
import { VirtualClock, type ServerOptions, type VendorServer } from "../../src/index.ts"
import { vendorFor } from "./started-vendor.ts"

const clock = new VirtualClock()
const times = { validatingMs: 100, processingMs: 1000, finalizingMs: 100 }
let vendor: VendorServer

async function connect(options: ServerOptions = {}): Promise<Anthropic> {
  vendor = await vendorFor({ clock, answer: "echo", ...options, batch: { ...times, ...options.batch } })
  return new Anthropic({ baseURL: vendor.url, apiKey: "sk-ant-lab", maxRetries: 0 })
}

const requests = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    custom_id: `item-${index}`,
    params: { model: "claude-lab", max_tokens: 50, messages: [{ role: "user" as const, content: `Text ${index}` }] },
  }))

async function results(anthropic: Anthropic, id: string) {
  const all = []
  for await (const result of await anthropic.messages.batches.results(id)) all.push(result)
  return all
}

test("a batch ends with one result for each request, not in input order", async () => {
  const anthropic = await connect()
  const created = await anthropic.messages.batches.create({ requests: requests(20) })
  expect(created).toMatchObject({
    processing_status: "in_progress",
    request_counts: { processing: 20, succeeded: 0 },
    results_url: null,
  })
  await clock.advance(1200)
  const ended = await anthropic.messages.batches.retrieve(created.id)
  expect(ended).toMatchObject({
    processing_status: "ended",
    request_counts: { processing: 0, succeeded: 20, errored: 0, canceled: 0, expired: 0 },
  })

  const all = await results(anthropic, created.id)
  const order = all.map(({ custom_id }) => custom_id)
  const input = requests(20).map(({ custom_id }) => custom_id)
  expect(order).not.toEqual(input)
  expect(order.toSorted()).toEqual(input.toSorted())
  for (const { custom_id, result } of all) {
    expect(result).toMatchObject({ type: "succeeded", message: { content: [{ text: `Text ${custom_id.slice(5)}` }] } })
  }
  // Read again, it is the same and not paid for again.
  expect(await results(anthropic, created.id)).toEqual(all)
  expect(vendor.stats().batches).toMatchObject({ jobs: 1, answered: 20, repeats: 0 })
})

test("results before the end are a 404, a delete before the end is refused", async () => {
  const anthropic = await connect()
  const { id } = await anthropic.messages.batches.create({ requests: requests(2) })
  await expect(anthropic.messages.batches.results(id)).rejects.toThrow()
  await expect(anthropic.messages.batches.delete(id)).rejects.toBeInstanceOf(Anthropic.BadRequestError)
  await clock.advance(1200)
  expect(await anthropic.messages.batches.delete(id)).toMatchObject({ id, type: "message_batch_deleted" })
  await expect(anthropic.messages.batches.retrieve(id)).rejects.toBeInstanceOf(Anthropic.NotFoundError)
})

test("a cancelled batch keeps what was done and says canceled of the rest", async () => {
  const anthropic = await connect()
  const { id } = await anthropic.messages.batches.create({ requests: requests(10) })
  await clock.advance(100 + 300)
  expect((await anthropic.messages.batches.cancel(id)).processing_status).toBe("canceling")
  await clock.advance(100)
  expect(await anthropic.messages.batches.retrieve(id)).toMatchObject({
    processing_status: "ended",
    request_counts: { succeeded: 3, canceled: 7 },
  })
  expect((await results(anthropic, id)).filter(({ result }) => result.type === "canceled")).toHaveLength(7)
})

test("an expired batch says expired of the rest", async () => {
  const anthropic = await connect({ batch: { expireAfterMs: 600 } })
  const { id } = await anthropic.messages.batches.create({ requests: requests(10) })
  await clock.advance(800)
  expect((await anthropic.messages.batches.retrieve(id)).request_counts).toMatchObject({ succeeded: 5, expired: 5 })
})

test("requests that fail are errored results", async () => {
  const anthropic = await connect({ batch: { errorRate: 0.4 } })
  const { id } = await anthropic.messages.batches.create({ requests: requests(30) })
  await clock.advance(1200)
  const errored = (await results(anthropic, id)).filter(({ result }) => result.type === "errored")
  expect(errored.length).toBeGreaterThan(3)
  expect((await anthropic.messages.batches.retrieve(id)).request_counts.errored).toBe(errored.length)
})

test("batches are listed newest first; the same custom_id twice is a 400", async () => {
  const anthropic = await connect()
  const first = await anthropic.messages.batches.create({ requests: requests(1) })
  const second = await anthropic.messages.batches.create({ requests: requests(1) })
  const listed = []
  for await (const batch of anthropic.messages.batches.list()) listed.push(batch.id)
  expect(listed).toEqual([second.id, first.id])
  await expect(
    anthropic.messages.batches.create({ requests: [...requests(1), ...requests(1)] }),
  ).rejects.toBeInstanceOf(Anthropic.BadRequestError)
})

test("a request that makes no sense errs alone", async () => {
  const anthropic = await connect()
  const broken = { custom_id: "broken", params: { model: "claude-lab", max_tokens: 0, messages: [] } }
  const { id } = await anthropic.messages.batches.create({ requests: [...requests(1), broken] })
  await clock.advance(1200)
  expect((await anthropic.messages.batches.retrieve(id)).request_counts).toMatchObject({ succeeded: 1, errored: 1 })
  const result = (await results(anthropic, id)).find(({ custom_id }) => custom_id === "broken")?.result
  expect(result).toMatchObject({ type: "errored", error: { error: { type: "invalid_request_error" } } })
})
