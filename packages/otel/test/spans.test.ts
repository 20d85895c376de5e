import { context } from "@opentelemetry/api"
import { createDefine, define as plainDefine, type SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { limitedFetch, withCall } from "@sluice/providers"
import { createQuota, semaphore, systemRuntime } from "@sluice/scheduler"
import { expect, it } from "vitest"
import { telemetry } from "../src/index.ts"
import type { CollectedSpan } from "./collector.ts"
import { setUp } from "./set-up.ts"

const { batch, step, batchFlow } = createDefine(systemRuntime)()

const hanging: typeof globalThis.fetch = (_input, init) =>
  new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason as Error)))

function childrenOf(name: string, spans: readonly CollectedSpan[]): string[] {
  const parents = new Set(spans.filter((span) => span.name === name).map(({ spanId }) => spanId))
  return spans
    .filter(({ parentSpanId }) => parents.has(parentSpanId ?? ""))
    .toSorted((a, b) => a.startMs - b.startMs)
    .map((span) => span.name)
}

it("with a limiter of the batch's own, waits and backoffs stand between the attempts of the item", async () => {
  const set = await setUp()
  const onEvent = telemetry(set.providers)
  const limiter = createQuota({ name: "mine", concurrency: 1, onEvent })
  const held = await limiter.admit()
  setTimeout(() => held.settle({ outcome: "success" }), 40)
  let tries = 0
  const node = batch({
    name: "node",
    prep: () => [1],
    limiter,
    retry: { maxAttempts: 2, backoff: { initialMs: 20, jitter: "none" } },
    exec: () => {
      if (tries++ === 0) throw new Error("busy")
    },
  })
  await node.run({}, { onEvent })
  await set.flush()
  expect(childrenOf("item node", set.spans)).toEqual(["admission wait", "attempt", "backoff", "attempt"])
  const wait = set.spans.find(({ name }) => name === "admission wait")
  expect(wait?.attributes).toEqual({
    "sluice.blocked_by": expect.stringContaining("concurrency"),
    "sluice.quota": "mine",
  })
})

it("a wait that ends without a permit is a failed one, and names the tenant", async () => {
  const set = await setUp()
  const onEvent = telemetry(set.providers)
  const fetch = limitedFetch({ onEvent, concurrency: 1, fetch: hanging })
  const abort = new AbortController()
  const call = (): Promise<Response> =>
    fetch("https://api.openai.com/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "m", messages: [] }),
      signal: abort.signal,
    })
  const calls = [call(), withCall({ tenant: "acme" }, call)].map((each) => each.catch(() => {}))
  await new Promise((resolve) => setTimeout(resolve, 30))
  abort.abort()
  await Promise.all(calls)
  await set.flush()
  expect(set.spans.find(({ name }) => name === "admission wait")).toMatchObject({
    status: 2,
    attributes: { "sluice.tenant": "acme", "error.type": "AbortError" },
  })
  const chats = set.spans.filter(({ name }) => name === "chat m")
  expect(chats.map(({ attributes }) => attributes["error.type"])).toEqual(["AbortError", "AbortError"])
  expect(set.metrics.get("gen_ai.client.operation.duration")!.points).toMatchObject([
    { count: 2, attributes: { "error.type": "AbortError" } },
  ])
})

it("sub-flows nest inside the attempt that runs them, and a replayed item says so", async () => {
  const set = await setUp()
  const onEvent = telemetry(set.providers)
  const inner = step({ name: "inner", exec: () => "x" })
  const node = batchFlow({ name: "outer", prep: () => [{ n: 1 }, { n: 2 }], flow: inner })
  await node.run({}, { onEvent })
  await node.redrive({}, [{ status: "ok", index: 0, value: "default", attempts: 1 }], { onEvent })
  await set.flush()
  expect(new Set(childrenOf("attempt", set.spans))).toEqual(new Set(["node outer/inner"]))
  const items = set.spans.filter(({ name }) => name === "item outer")
  expect(items.filter(({ attributes }) => attributes["sluice.item.replayed"] === true)).toHaveLength(1)
  expect(
    set.metrics.get("sluice.items")!.points.map(({ attributes, value }) => [attributes["sluice.status"], value]),
  ).toEqual(expect.arrayContaining([["replayed", 1]]))
})

it("core alone has no clock: spans have the time at which they are told", async () => {
  const set = await setUp()
  const node = plainDefine<object>().step({ name: "node", exec: () => 1 })
  await node.run({}, { onEvent: telemetry(set.providers) })
  await set.flush()
  expect(set.spans.map(({ name }) => name).toSorted()).toEqual(["attempt", "node node", "run node"])
  for (const { startMs } of set.spans) expect(Math.abs(startMs - Date.now())).toBeLessThan(60_000)
})

it("when the wall clock was set, or the machine slept, times go on from there", async () => {
  const set = await setUp()
  const clock = new VirtualClock({ startMs: 0, wallMs: 1_000_000 })
  let sleptMs = 0
  const shifted = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow() + sleptMs,
    setTimer: clock.setTimer.bind(clock),
  }
  const onEvent = telemetry(set.providers)
  const wait = async (): Promise<void> => {
    const quota = createQuota({ clock: shifted, onEvent, concurrency: 1 })
    const first = await quota.admit()
    const second = quota.admit()
    await clock.advance(100)
    first.settle({ outcome: "success" })
    ;(await second).settle({ outcome: "success" })
  }
  await wait()
  sleptMs = 0.4
  await wait()
  sleptMs = 3_600_000
  await wait()
  await set.flush()
  expect(set.spans.map(({ startMs }) => startMs)).toEqual([1_000_000, 1_000_100, 4_600_200])
})

it("events of what it has not seen begin are no trouble", async () => {
  const set = await setUp()
  const otel = telemetry(set.providers)
  const span = { runId: "unknown", spanId: 3, parentId: 2, node: "n" }
  const told: SluiceEvent[] = [
    { type: "run-end", atMs: 1, status: "ok", runId: "unknown", spanId: 0 },
    { type: "node-start", atMs: 1, kind: "step", params: {}, ...span },
    { type: "node-end", atMs: 1, status: "ok", ...span },
    { type: "attempt-end", atMs: 1, index: 0, attempt: 1, ...span },
    { type: "item-end", atMs: 1, index: 0, status: "failed", attempts: 1, ...span },
    { type: "gate-close", atMs: 1, quota: "unknown", untilMs: 5, reason: "429" },
    { type: "gate-open", atMs: 5, quota: "unknown", closedMs: 4 },
    { type: "throttle", atMs: 5, quota: "unknown", reason: "rate", dimension: "tokens" },
    { type: "log", atMs: 5, message: "m", ...span },
  ]
  for (const event of told) otel(event)
  const work = { type: "attempt", atMs: 1, runId: "unknown", spanId: 3, node: "n", index: 0, attempt: 1 } as const
  expect(otel.within!(work, () => context.active())).toBe(context.active())
  await set.flush()
  expect(set.spans).toEqual([])
  expect(set.metrics.get("sluice.quota.refused")!.points).toMatchObject([
    { attributes: { "sluice.dimension": "tokens" } },
  ])
})

it("a semaphore, which tells nothing, is no trouble either", async () => {
  const set = await setUp()
  const node = batch({ name: "node", prep: () => [1, 2], limiter: semaphore({ limit: 1 }), exec: () => {} })
  await node.run({}, { onEvent: telemetry(set.providers) })
  await set.flush()
  expect(childrenOf("item node", set.spans)).toEqual(["attempt", "attempt"])
})
