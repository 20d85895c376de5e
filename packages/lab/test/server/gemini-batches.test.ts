import { type BatchJob, GoogleGenAI, JobState } from "@google/genai"
import { expect, test } from "vitest"
import { VirtualClock, type ServerOptions, type VendorServer } from "../../src/index.ts"
import { vendorFor } from "./started-vendor.ts"

const clock = new VirtualClock()
const times = { validatingMs: 100, processingMs: 1000, finalizingMs: 100 }
let vendor: VendorServer

async function connect(options: ServerOptions = {}): Promise<GoogleGenAI> {
  vendor = await vendorFor({ clock, answer: "echo", ...options, batch: { ...times, ...options.batch } })
  return new GoogleGenAI({ apiKey: "lab", httpOptions: { baseUrl: vendor.url, retryOptions: { attempts: 1 } } })
}

const model = "gemini-lab"
const requests = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ contents: `Text ${index}`, metadata: { key: `item-${index}` } }))

const textsOf = ({ dest }: BatchJob) =>
  dest?.inlinedResponses?.map(({ metadata, response }) => [
    metadata?.["key"],
    response?.candidates?.[0]?.content?.parts?.[0]?.text,
  ])

test("a batch ends with one result for each request, in input order, paid for once", async () => {
  const ai = await connect()
  const created = await ai.batches.create({ model, src: requests(20), config: { displayName: "texts" } })
  expect(created).toMatchObject({ displayName: "texts", model: "models/gemini-lab", state: JobState.JOB_STATE_PENDING })
  await clock.advance(600)
  expect((await ai.batches.get({ name: created.name! })).state).toBe(JobState.JOB_STATE_RUNNING)
  await clock.advance(600)
  const ended = await ai.batches.get({ name: created.name! })
  expect(ended.state).toBe(JobState.JOB_STATE_SUCCEEDED)
  expect(textsOf(ended)).toEqual(requests(20).map(({ contents, metadata }) => [metadata.key, contents]))
  await ai.batches.get({ name: created.name! })
  expect(vendor.stats().batches).toMatchObject({ jobs: 1, answered: 20, failed: 0, repeats: 0 })
})

test("what makes no sense and what fails are errors among the results", async () => {
  const ai = await connect({ batch: { errorRate: 0.5 } })
  const src = [{ contents: "Fine", config: { maxOutputTokens: -1 } }, ...requests(20)]
  const created = await ai.batches.create({ model, src })
  await clock.advance(1200)
  const results = (await ai.batches.get({ name: created.name! })).dest?.inlinedResponses ?? []
  expect(results[0]?.error?.code).toBe(3)
  const failed = results.slice(1).filter(({ error }) => error?.code === 13).length
  expect(failed).toBeGreaterThan(2)
  expect(vendor.stats().batches).toMatchObject({ failed, answered: 20 - failed })
})

test("a cancelled job and an expired one have no results", async () => {
  const ai = await connect()
  const created = await ai.batches.create({ model, src: requests(4) })
  await clock.advance(600)
  await ai.batches.cancel({ name: created.name! })
  await clock.advance(200)
  const cancelled = await ai.batches.get({ name: created.name! })
  expect([cancelled.state, cancelled.dest]).toEqual([JobState.JOB_STATE_CANCELLED, undefined])

  const late = await connect({ batch: { expireAfterMs: 500 } })
  const { name } = await late.batches.create({ model, src: requests(4) })
  await clock.advance(1200)
  expect((await late.batches.get({ name: name! })).state).toBe(JobState.JOB_STATE_EXPIRED)
})

test("more tokens than may be enqueued are refused at once", async () => {
  const ai = await connect({ batch: { maxEnqueuedTokens: 10 } })
  await expect(ai.batches.create({ model, src: requests(20) })).rejects.toMatchObject({ status: 429 })
  expect(vendor.stats().batches.jobs).toBe(0)
})

test("the list has the newest first; an unknown job is a 404", async () => {
  const ai = await connect()
  const first = await ai.batches.create({ model, src: requests(1) })
  const second = await ai.batches.create({ model, src: requests(1) })
  const names = []
  for await (const job of await ai.batches.list()) names.push(job.name)
  expect(names).toEqual([second.name, first.name])
  await ai.batches.delete({ name: first.name! })
  await expect(ai.batches.get({ name: first.name! })).rejects.toMatchObject({ status: 404 })
})
