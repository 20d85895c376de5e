import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkInputs, fuzzTimeoutMs, oddJson, oddText } from "../../../../scripts/testing/fuzz.ts"
import { conformToSchema, extractiveSummary, type JsonSchema } from "../../src/index.ts"
import { plainText } from "../../src/answers/plain-text.ts"
import { vendorFor } from "./started-vendor.ts"

// Whatever is sent: an answer or a 4xx; the vendor lives on and nothing is left in flight.

const fields = [
  "model",
  "messages",
  "role",
  "content",
  "text",
  "type",
  "stream",
  "max_tokens",
  "tools",
  "tool_choice",
  "function",
  "name",
  "parameters",

  "input",
  "instructions",
  "response_format",
  "json_schema",
  "schema",
  "contents",
  "parts",
  "generationConfig",
  "responseSchema",
  "system",

  "custom_id",
  "params",
  "requests",
  "batch",
  "inputConfig",
  "input_file_id",
  "endpoint",
  "completion_window",
  "dimensions",
  "n",
]
const keywords = [
  "type",
  "properties",
  "required",
  "items",
  "prefixItems",
  "minItems",
  "maxItems",
  "enum",
  "const",
  "default",
  "anyOf",
  "oneOf",
  "allOf",

  "$ref",
  "$defs",
  "#",
  "#/$defs/a",
  "#/properties/a",
  "a",
  "minLength",
  "maxLength",
  "minimum",
  "multipleOf",
  "format",
  "additionalProperties",
  "object",
  "array",
  "string",
  "integer",
  "nullable",
]

describe("fuzz: what is sent to the lab", () => {
  it(
    "bodies at every endpoint",
    async () => {
      const { url, stats } = await vendorFor()
      const path = fc.constantFrom(
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/messages/batches",

        "/v1/files",
        "/v1/batches",
        "/v1beta/models/m:generateContent",
        "/v1beta/models/m:embedContent",
        "/v1beta/models/m:batchGenerateContent",

        "/openai/deployments/d/chat/completions?api-version=1",
        "/v1beta/models/m:countTokens",
        "/lab/reset",
        "/nowhere",
      )
      const message = fc.record({
        role: fc.constantFrom("user", "assistant", "tool", "x"),
        content: fc.oneof(oddText, oddJson(fields)),
      })
      const body = fc.oneof(
        oddJson(fields),
        fc.record({
          model: fc.constant("m"),
          max_tokens: fc.constant(10),
          messages: fc.array(message, { maxLength: 3 }),
          input: oddText,
          contents: fc.array(oddJson(fields), { maxLength: 2 }),
          response_format: fc.record({
            type: fc.constant("json_schema"),
            json_schema: fc.record({ schema: oddJson(keywords) }),
          }),
          tools: fc.array(oddJson(fields), { maxLength: 2 }),
          stream: fc.boolean(),
        }),
      )
      const text = fc.oneof(
        { weight: 8, arbitrary: body.map((value) => safely(value)) },
        { weight: 1, arbitrary: oddText },
      )
      await checkInputs(0.02, fc.tuple(path, text), async ([to, content]) => {
        const response = await fetch(url + to, {
          method: "POST",
          body: content,
          headers: { "content-type": "application/json" },
        })
        await response.text()
        expect([to, response.status]).toEqual([to, expect.toSatisfy((status: number) => status < 500)])
        expect(stats().inFlight).toBe(0)
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "schemas",
    async () => {
      await checkInputs(0.1, fc.tuple(oddJson(keywords), oddText), ([schema, text]) => {
        if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return
        try {
          conformToSchema(schema as JsonSchema, text)
        } catch (error) {
          // The server makes a 400 of whatever a schema that is none leads to; it must end, that is all.
          if (!(error instanceof Error)) throw error
        }
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "documents",
    async () => {
      const piece = fc.oneof(
        oddText,
        fc.constantFrom(
          "# Title\n",
          "- item\n",
          "> quote\n",
          "```js\ncode\n```\n",
          "**bold**",
          "[a](b)",
          "![",
          "<p>",
          "<!--",
          "-->",
          "| a | b |\n",
          "A sentence. ",
          "\n\n",
        ),
      )
      await checkInputs(
        0.05,
        fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("")),
        (text) => {
          expect(plainText(text)).not.toMatch(/\n{3}/)
          expect(typeof extractiveSummary(text.slice(0, 20_000), { maxTokens: 50 })).toBe("string")
        },
      )
    },
    fuzzTimeoutMs,
  )
})

function safely(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return `{"messages":${"[".repeat(20_000)}${"]".repeat(20_000)}}`
  }
}
