import type { SluiceEvent } from "@sluice/core"
import { createDefine } from "@sluice/core"
import { startVendor } from "@sluice/lab"
import { limitedFetch, openaiOptions } from "@sluice/providers"
import { systemRuntime } from "@sluice/scheduler"
import OpenAI from "openai"
import { expect, it, onTestFinished, vi } from "vitest"
import { telemetry } from "../src/index.ts"
import { setUp } from "./set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

it("a vendor's batch is a span from its submission to its end, inside the attempts that wait for it", async () => {
  const set = await setUp()
  const batch = { validatingMs: 5, processingMs: 20, finalizingMs: 5 }
  const vendor = await startVendor({ answer: "echo", latency: { baseMs: 1, perOutputTokenMs: 0 }, batch })
  onTestFinished(() => vendor.stop())
  const onEvent = telemetry(set.providers)
  const fetch = limitedFetch({ onEvent, vendorBatches: { gatherMs: 200, pollMs: 20 } })
  onTestFinished(() => fetch.close())
  const client = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...openaiOptions(fetch) })
  const node = createDefine(systemRuntime)<object>().batch({
    name: "summarise",
    prep: () => ["one", "two", "three"],
    exec: (content: string) =>
      client.chat.completions.create({ model: "gpt-5-mini", messages: [{ role: "user", content }] }),
    lane: "batch",
  })
  await node.run({}, { onEvent })
  await set.flush()
  const spans = set.spans.filter(({ name }) => name === "vendor batch gpt-5-mini")
  expect(spans).toHaveLength(1)
  expect(spans[0]).toMatchObject({
    kind: 3,
    attributes: {
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-5-mini",
      "sluice.batch.total": 3,
      "sluice.batch.done": 3,
      "sluice.batch.id": expect.stringMatching(/./) as string,
    },
  })
  // How much of the vendor's 25 ms had passed when it was submitted is the machine's affair.
  expect(spans[0]!.endMs).toBeGreaterThan(spans[0]!.startMs)
  const attempts = set.spans.filter(({ name }) => name === "attempt")
  expect(attempts).toHaveLength(3)
  for (const { startMs, endMs } of attempts) {
    expect(startMs).toBeLessThanOrEqual(spans[0]!.startMs)
    expect(endMs).toBeGreaterThanOrEqual(spans[0]!.startMs)
  }
})

it("one that failed has its code, one that was cancelled ends when the vendor has ended it, one of another process says so", async () => {
  const set = await setUp()
  const otel = telemetry(set.providers)
  const tell = (batchId: string, state: string, more: object = {}): void =>
    otel({
      type: "vendor-batch",
      atMs: 1,
      vendor: "gemini",
      account: "a",
      model: "m",
      batchId,
      state,
      done: 0,
      total: 2,
      ...more,
    } as SluiceEvent)
  tell("a", "submitted")
  tell("a", "failed", { code: "token_limit_exceeded" })
  tell("b", "adopted")
  tell("b", "cancelled")
  tell("b", "ended", { done: 1 })
  tell("unknown", "ended")
  await set.flush()
  expect(set.spans.map(({ attributes, status }) => [attributes["sluice.batch.id"], status, attributes])).toMatchObject([
    ["a", 2, { "error.type": "token_limit_exceeded", "gen_ai.provider.name": "gcp.gemini" }],
    ["b", 0, { "sluice.batch.adopted": true, "sluice.batch.cancelled": true, "sluice.batch.done": 1 }],
  ])
})
