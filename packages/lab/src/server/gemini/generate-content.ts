import { z } from "zod"
import type { SimulatedAnswer, OfferedTool } from "../../answers/answer.ts"
import type { JsonSchema } from "../../answers/conform-to-schema.ts"
import { countInput, type WireCall } from "../wire/model-call.ts"
import { parseFields } from "../wire/parse-body.ts"
import { textOf } from "../wire/text-of.ts"
import type { Exchange, WireFormat } from "../wire/wire-format.ts"

const content = z.looseObject({
  role: z.string().optional(),
  parts: z.array(z.record(z.string(), z.unknown())).optional(),
})
const anyRecord = z.record(z.string(), z.unknown())

const fields = z.looseObject({
  contents: z.array(content).min(1),
  systemInstruction: content.nullish(),
  tools: z
    .array(
      z.looseObject({
        functionDeclarations: z
          .array(
            z.looseObject({
              name: z.string(),
              parameters: anyRecord.optional(),
              parametersJsonSchema: anyRecord.optional(),
            }),
          )
          .optional(),
      }),
    )
    .nullish(),
  toolConfig: z
    .looseObject({
      functionCallingConfig: z
        .looseObject({ mode: z.string().optional(), allowedFunctionNames: z.array(z.string()).optional() })
        .optional(),
    })
    .nullish(),
  generationConfig: z
    .looseObject({
      maxOutputTokens: z.int().min(1).optional(),
      responseMimeType: z.string().optional(),
      responseSchema: anyRecord.optional(),
      responseJsonSchema: anyRecord.optional(),
    })
    .nullish(),
})

/** `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`. `params` bring `model` and `method`. */
export const generateContent: WireFormat = {
  vendor: "gemini",

  readCall(body, params): WireCall {
    const call = parseFields(fields, body)
    const messages = readContents(call.contents, call.systemInstruction)
    const tools: OfferedTool[] = (call.tools ?? []).flatMap(({ functionDeclarations = [] }) =>
      functionDeclarations.map(({ name, parameters, parametersJsonSchema }) => ({
        name,
        parameters: parametersJsonSchema ?? parameters ?? { type: "object" },
      })),
    )
    const { mode, allowedFunctionNames: allowed } = call.toolConfig?.functionCallingConfig ?? {}
    const forcedTool =
      mode === "ANY" ? tools.find(({ name }) => allowed === undefined || allowed.includes(name)) : undefined
    const { maxOutputTokens, responseMimeType, responseSchema, responseJsonSchema } = call.generationConfig ?? {}
    const anything: JsonSchema = { type: "object", properties: { answer: { type: "string" } } }
    const schema =
      responseJsonSchema ?? responseSchema ?? (responseMimeType === "application/json" ? anything : undefined)
    return {
      vendor: "gemini",
      model: params["model"] ?? "",
      messages,
      tools,
      inputTokens: countInput(messages, call.tools ?? undefined),
      stream: params["method"] === "streamGenerateContent",
      body,
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(forcedTool && { forcedTool }),
      ...(schema && { schema }),
    }
  },

  body: (exchange, answer) => response(exchange, [partOf(answer)], answer.outputTokens, answer),

  script(exchange, answer) {
    const isTool = answer.toolName !== undefined
    let sent = 0
    const event = (data: object): string => `data: ${JSON.stringify(data)}\r\n\r\n`
    return {
      opening: () => "",
      piece(text) {
        sent += text.length
        // A function call comes in one piece, at the end.
        return isTool ? "" : event(response(exchange, [{ text }], Math.ceil(sent / 4)))
      },
      closing: () => event(response(exchange, [isTool ? partOf(answer) : { text: "" }], answer.outputTokens, answer)),
      broken: () =>
        event({
          error: { code: 503, message: "The model is overloaded. Please try again later.", status: "UNAVAILABLE" },
        }),
    }
  },
}

type GeminiContent = z.infer<typeof content>

/** Contents and system instruction as messages. */
function readContents(
  contents: readonly GeminiContent[],
  system: GeminiContent | null | undefined,
): { role: string; text: string }[] {
  const said = contents.map(({ role = "user", parts }) => ({ role, text: textOf(parts) }))
  return system ? [{ role: "system", text: textOf(system.parts) }, ...said] : said
}

function partOf({ text, toolName }: SimulatedAnswer): object {
  return toolName === undefined ? { text } : { functionCall: { name: toolName, args: JSON.parse(text) as unknown } }
}

/** With the finished answer it is the last (or only) one. */
function response(
  { id, call }: Exchange,
  parts: readonly object[],
  outputTokens: number,
  finished?: SimulatedAnswer,
): object {
  const finishReason =
    finished === undefined ? {} : { finishReason: finished.finish === "length" ? "MAX_TOKENS" : "STOP" }
  return {
    candidates: [{ content: { parts, role: "model" }, ...finishReason, index: 0 }],
    usageMetadata: {
      promptTokenCount: call.inputTokens,
      candidatesTokenCount: outputTokens,
      totalTokenCount: call.inputTokens + outputTokens,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: call.inputTokens }],
    },
    modelVersion: call.model,
    responseId: id,
  }
}
