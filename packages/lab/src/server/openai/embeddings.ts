import { z } from "zod"
import { embedText } from "../../answers/embed-text.ts"
import { countInput, type WireCall } from "../wire/model-call.ts"
import { parseFields } from "../wire/parse-body.ts"
import type { WireFormat } from "../wire/wire-format.ts"

const tokens = z.array(z.int().min(0)).min(1)

const fields = z.looseObject({
  model: z.string().min(1),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(2048),
    tokens,
    z.array(tokens).min(1).max(2048),
  ]),
  dimensions: z.int().min(1).max(4096).nullish(),
  encoding_format: z.enum(["float", "base64"]).nullish(),
})

const DEFAULT_DIMENSIONS = 1536

/** `POST /v1/embeddings`: a text, many texts, or tokens. */
export const embeddings: WireFormat = {
  vendor: "openai",
  silent: true,

  readCall(body): WireCall {
    const { model, input } = parseFields(fields, body)
    const messages = textsOf(input).map((text) => ({ role: "user", text }))
    return {
      vendor: "openai",
      model,
      messages,
      tools: [],
      inputTokens: countInput(messages, undefined),
      stream: false,
      maxOutputTokens: 0,
      body,
    }
  },

  body({ call }) {
    const { dimensions, encoding_format: encoding } = call.body as z.infer<typeof fields>
    const data = call.messages.map(({ text }, index) => {
      const vector = embedText(text, dimensions ?? DEFAULT_DIMENSIONS)
      const embedding = encoding === "base64" ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector
      return { object: "embedding", index, embedding }
    })
    return {
      object: "list",
      data,
      model: call.model,
      usage: { prompt_tokens: call.inputTokens, total_tokens: call.inputTokens },
    }
  },

  script() {
    throw new TypeError("embeddings are never streamed")
  },
}

/** A token counts as four characters, so that the count of tokens comes out right. */
function textsOf(input: z.infer<typeof fields>["input"]): string[] {
  if (typeof input === "string") return [input]
  const isFlat = typeof input[0] === "number"
  const rows = (isFlat ? [input] : input) as (string | number[])[]
  return rows.map((row) =>
    typeof row === "string" ? row : row.map((token) => String(token).padStart(4, " ").slice(-4)).join(""),
  )
}
