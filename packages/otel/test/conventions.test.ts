import { describe, expect, it } from "vitest"
import { callAttributes, conventionsOf, errorType, operationOf, providerOf } from "../src/conventions.ts"

describe("the provider", () => {
  it.each([
    ["openai", "api.openai.com", "openai"],
    ["anthropic", "api.anthropic.com", "anthropic"],
    ["anthropic", "us-east5-aiplatform.googleapis.com", "gcp.vertex_ai"],
    ["gemini", "generativelanguage.googleapis.com", "gcp.gemini"],
    ["azure", "mine.openai.azure.com", "azure.ai.openai"],
    ["bedrock", "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"],
    ["mistral", "api.mistral.ai", "mistral_ai"],
    ["openai-compatible", "api.x.ai", "x_ai"],
    ["openai-compatible", "notx.ai", "openai-compatible"],
    ["openai-compatible", "api.deepseek.com", "deepseek"],
    ["groq", "api.groq.com", "groq"],
  ])("of %s at %s is %s", (vendor, host, provider) => {
    expect(providerOf({ vendor, host })).toBe(provider)
  })
})

describe("the operation", () => {
  it.each([
    ["chat/completions", "chat"],
    ["responses", "chat"],
    ["messages", "chat"],
    ["converse-stream", "chat"],
    ["language-model", "chat"],
    ["completions", "text_completion"],
    ["api/generate", "text_completion"],
    ["embeddings", "embeddings"],
    ["batchEmbedContents", "embeddings"],
    ["streamGenerateContent", "generate_content"],
    ["moderations", "moderations"],
  ])("of %s is %s", (endpoint, operation) => {
    expect(operationOf(endpoint)).toBe(operation)
  })
})

describe("OTEL_SEMCONV_STABILITY_OPT_IN", () => {
  const call = { vendor: "azure", endpoint: "responses", model: "m", stream: false, host: "h", port: 443 }
  it.each([undefined, "", "http/dup", "gen_ai_latest_experimental"])("%s: no older name", (optIn) => {
    expect(callAttributes(call, conventionsOf(optIn))).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "azure.ai.openai",
      "gen_ai.request.model": "m",
      "server.address": "h",
      "server.port": 443,
    })
  })

  it("gen_ai/dup: what the older ones name otherwise too", () => {
    expect(callAttributes(call, conventionsOf("http, gen_ai/dup"))).toMatchObject({
      "gen_ai.provider.name": "azure.ai.openai",
      "gen_ai.system": "az.ai.openai",
    })
    expect(callAttributes({ ...call, vendor: "openai" }, conventionsOf("gen_ai/dup"))["gen_ai.system"]).toBe("openai")
  })
})

it.each([
  [Object.assign(new Error("a secret"), { code: "timeout" }), "timeout"],
  [new TypeError("a secret"), "TypeError"],
  ["rate_limit_exceeded", "rate_limit_exceeded"],
  [{ code: 7 }, "_OTHER"],
  [null, "_OTHER"],
  ["No answer to: my secret prompt", "_OTHER"],
  [`sk-proj-${"a".repeat(24)}`, "_OTHER"],
  ["a".repeat(61), "_OTHER"],
  [Object.assign(new Error("m"), { code: "" }), "Error"],
  [Object.assign(new TypeError("m"), { code: `sk-proj-${"a".repeat(24)}` }), "TypeError"],
  [Object.assign(new Error("m"), { name: `Bearer ${"a".repeat(24)}` }), "_OTHER"],
])("an error is told by its code or name, where that is an identifier: %s", (error, type) => {
  expect(errorType(error)).toBe(type)
})
