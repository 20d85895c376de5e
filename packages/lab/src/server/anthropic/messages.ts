import { z } from "zod"
import type { SimulatedAnswer, OfferedTool } from "../../answers/answer.ts"
import { countInput, type WireCall } from "../wire/model-call.ts"
import { parseFields } from "../wire/parse-body.ts"
import { textOf } from "../wire/text-of.ts"
import type { Exchange, WireFormat } from "../wire/wire-format.ts"

const promptFields = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(z.unknown())]) })).min(1),
  system: z.union([z.string(), z.array(z.unknown())]).nullish(),
  tools: z
    .array(z.looseObject({ name: z.string(), input_schema: z.record(z.string(), z.unknown()).optional() }))
    .nullish(),
  tool_choice: z.looseObject({ type: z.string(), name: z.string().optional() }).nullish(),
})

const format = z.looseObject({ type: z.string(), schema: z.record(z.string(), z.unknown()) }).nullish()

const fields = promptFields.extend({
  max_tokens: z.int().min(1),
  stream: z.boolean().nullish(),
  output_config: z.looseObject({ format }).nullish(),
  // The name before structured outputs left beta.
  output_format: format,
})

/** `POST /v1/messages`. */
export const messages: WireFormat = {
  vendor: "anthropic",

  readCall(body): WireCall {
    const call = parseFields(fields, body)
    const tools = toolsOf(call.tools)
    const choice = call.tool_choice
    const forcedTool =
      choice?.type === "any"
        ? tools[0]
        : choice?.type === "tool"
          ? tools.find(({ name }) => name === choice.name)
          : undefined
    const schema = call.output_config?.format?.schema ?? call.output_format?.schema
    return {
      ...readPrompt(call),
      vendor: "anthropic",
      model: call.model,
      tools,
      stream: call.stream ?? false,
      maxOutputTokens: call.max_tokens,
      body,
      ...(forcedTool && { forcedTool }),
      ...(schema && { schema }),
    }
  },

  body(exchange, answer) {
    return message(
      exchange,
      answer,
      [contentBlock(exchange, answer)],
      usage(exchange.call.inputTokens, answer.outputTokens),
    )
  },

  script(exchange, answer) {
    const isTool = answer.toolName !== undefined
    const start = { ...message(exchange, answer, [], usage(exchange.call.inputTokens, 1)), stop_reason: null }
    const block = isTool ? { ...contentBlock(exchange, answer), input: {} } : { type: "text", text: "" }
    return {
      opening: () =>
        event("message_start", { message: start }) +
        event("content_block_start", { index: 0, content_block: block }) +
        event("ping", {}),
      piece: (text) =>
        event("content_block_delta", {
          index: 0,
          delta: isTool ? { type: "input_json_delta", partial_json: text } : { type: "text_delta", text },
        }),
      closing: () =>
        event("content_block_stop", { index: 0 }) +
        event("message_delta", {
          delta: { stop_reason: stopReason(answer), stop_sequence: null },
          usage: usage(exchange.call.inputTokens, answer.outputTokens),
        }) +
        event("message_stop", {}),
      broken: () =>
        `event: error\ndata: ${JSON.stringify({ type: "error", error: { details: null, type: "overloaded_error", message: "Overloaded" }, request_id: `req_${exchange.id}` })}\n\n`,
    }
  },
}

/** The prompt of a body for `POST /v1/messages/count_tokens`, counted. */
export function countPromptTokens(body: Readonly<Record<string, unknown>>): number {
  return readPrompt(parseFields(promptFields, body)).inputTokens
}

/** One server-sent event, named by its type. */
export function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
}

function readPrompt(call: z.infer<typeof promptFields>): Pick<WireCall, "messages" | "inputTokens"> {
  const system = textOf(call.system)
  const said = call.messages.map(({ role, content }) => ({ role, text: textOf(content) }))
  const all = system === "" ? said : [{ role: "system", text: system }, ...said]
  return { messages: all, inputTokens: countInput(all, call.tools ?? undefined) }
}

function toolsOf(tools: z.infer<typeof promptFields>["tools"]): OfferedTool[] {
  return (tools ?? []).map(({ name, input_schema }) => ({ name, parameters: input_schema ?? { type: "object" } }))
}

function message({ id, call }: Exchange, answer: SimulatedAnswer, content: object[], tokens: object): object {
  return {
    id: `msg_${id}`,
    type: "message",
    role: "assistant",
    model: call.model,
    content,
    stop_reason: stopReason(answer),
    stop_sequence: null,
    usage: tokens,
  }
}

function contentBlock({ id }: Exchange, answer: SimulatedAnswer): object {
  return answer.toolName === undefined
    ? { type: "text", text: answer.text }
    : { type: "tool_use", id: `toolu_${id}`, name: answer.toolName, input: JSON.parse(answer.text) as unknown }
}

function stopReason({ finish }: SimulatedAnswer): string {
  return { stop: "end_turn", length: "max_tokens", tool: "tool_use" }[finish]
}

function usage(inputTokens: number, outputTokens: number): object {
  return {
    input_tokens: inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    service_tier: "standard",
  }
}
