import { z } from "zod"
import { embedText } from "../../answers/embed-text.ts"
import { countInput, type WireCall } from "../wire/model-call.ts"
import { parseFields } from "../wire/parse-body.ts"
import { textOf } from "../wire/text-of.ts"
import type { WireFormat } from "../wire/wire-format.ts"

const one = z.looseObject({
  content: z.looseObject({ parts: z.array(z.record(z.string(), z.unknown())).min(1) }),
  outputDimensionality: z.int().min(1).max(4096).optional(),
})
const many = z.looseObject({ requests: z.array(one).min(1).max(100) })

const DEFAULT_DIMENSIONS = 3072

/** `POST /v1beta/models/{model}:embedContent` and `:batchEmbedContents`, with `EmbeddingUsageMetadata` (ai.google.dev, read 2026-11). */
export const embedContents: WireFormat = {
  vendor: "gemini",
  silent: true,

  readCall(body, params): WireCall {
    const messages = requestsOf(body, params["method"] === "embedContent").map(({ content }) => ({
      role: "user",
      text: textOf(content),
    }))
    const inputTokens = countInput(messages, undefined)
    return {
      vendor: "gemini",
      model: params["model"] ?? "",
      messages,
      tools: [],
      inputTokens,
      stream: false,
      maxOutputTokens: 0,
      body,
    }
  },

  body({ call: { body, inputTokens } }) {
    const single = !("requests" in body)
    const embeddings = requestsOf(body, single).map(({ content, outputDimensionality }) => ({
      values: embedText(textOf(content), outputDimensionality ?? DEFAULT_DIMENSIONS),
    }))
    const usageMetadata = {
      promptTokenCount: inputTokens,
      promptTokenDetails: [{ modality: "TEXT", tokenCount: inputTokens }],
    }
    return { ...(single ? { embedding: embeddings[0] } : { embeddings }), usageMetadata }
  },

  script() {
    throw new TypeError("embeddings are never streamed")
  },
}

function requestsOf(body: Readonly<Record<string, unknown>>, single: boolean): z.infer<typeof one>[] {
  return single ? [parseFields(one, body)] : parseFields(many, body).requests
}
