import { registerInstrumentations } from "@opentelemetry/instrumentation"
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici"
import { createDefine } from "@sluice/core"
import { startVendor } from "@sluice/lab"
import { limitedFetch, openaiOptions } from "@sluice/providers"
import { systemRuntime } from "@sluice/scheduler"
import OpenAI from "openai"
import { expect, it, onTestFinished } from "vitest"
import { telemetry } from "../src/index.ts"
import { setUp } from "./set-up.ts"

it("spans of an instrumentation that somebody else wrote nest: undici's HTTP spans inside the call that sends them", async () => {
  const set = await setUp()
  const vendor = await startVendor({ latency: { baseMs: 1 } })
  onTestFinished(() => vendor.stop())
  const { tracerProvider } = set.providers
  onTestFinished(registerInstrumentations({ tracerProvider, instrumentations: [new UndiciInstrumentation()] }))
  const onEvent = telemetry(set.providers)
  const fetch = limitedFetch({ vendor: "openai", requestsPerMinute: 6000, onEvent })
  const client = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "any", ...openaiOptions(fetch) })
  const { batch } = createDefine(systemRuntime)()
  const node = batch({
    name: "node",
    prep: () => ["a", "b", "c"],
    exec: (content) => client.chat.completions.create({ model: "m", messages: [{ role: "user", content }] }),
  })
  await node.run({}, { onEvent })
  await set.flush()
  const calls = set.spans.filter(({ name }) => name === "chat m")
  const theirs = set.spans.filter(
    ({ scope, attributes }) => scope.endsWith("undici") && attributes["url.path"] === "/v1/chat/completions",
  )
  expect(theirs).toHaveLength(3)
  // One in each.
  expect(new Set(theirs.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(calls.map(({ spanId }) => spanId)))
})
