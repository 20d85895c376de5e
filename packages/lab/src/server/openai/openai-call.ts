import type { AnswerRequest, OfferedTool } from "../../answers/answer.ts"
import type { JsonSchema } from "../../answers/conform-to-schema.ts"
import { countInput, type WireCall } from "../wire/model-call.ts"

/** What `json_object` asks for. */
const anyObject: JsonSchema = { type: "object", properties: { answer: { type: "string" } } }

/** What both of OpenAI's endpoints carry, whatever they call it. */
export interface OpenaiFields {
  readonly model: string
  readonly messages: AnswerRequest["messages"]
  /** As sent: they count as input. */
  readonly sentTools: unknown
  readonly tools: readonly OfferedTool[]
  readonly toolChoice: string | Readonly<Record<string, unknown>> | null | undefined
  readonly stream: boolean | null | undefined
  readonly maxOutputTokens: number | null | undefined
  readonly format: { readonly type: string; readonly schema?: JsonSchema | undefined } | null | undefined
}

/** The call that these fields make. */
export function openaiCall(body: Record<string, unknown>, fields: OpenaiFields): WireCall {
  const { model, messages, sentTools, tools, toolChoice, stream, maxOutputTokens, format } = fields
  const forcedTool = forced(toolChoice, tools)
  const schema = schemaOf(format)
  return {
    vendor: "openai",
    model,
    messages,
    tools,
    inputTokens: countInput(messages, sentTools ?? undefined),
    stream: stream ?? false,
    body,
    ...(typeof maxOutputTokens === "number" && { maxOutputTokens }),
    ...(forcedTool && { forcedTool }),
    ...(schema && { schema }),
  }
}

/** `"required"` takes the first tool; a named one is found under `function.name` (chat) or `name` (responses). */
function forced(choice: OpenaiFields["toolChoice"], tools: readonly OfferedTool[]): OfferedTool | undefined {
  if (choice === "required") return tools[0]
  if (typeof choice !== "object" || choice === null) return undefined
  const name = (choice["function"] as { name?: string } | undefined)?.name ?? choice["name"]
  return tools.find((tool) => tool.name === name)
}

function schemaOf(format: OpenaiFields["format"]): JsonSchema | undefined {
  if (format?.type === "json_schema") return format.schema ?? anyObject
  return format?.type === "json_object" ? anyObject : undefined
}
