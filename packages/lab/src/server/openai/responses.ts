import { z } from "zod"
import type { SimulatedAnswer, OfferedTool } from "../../answers/answer.ts"
import type { WireCall } from "../wire/model-call.ts"
import { parseFields } from "../wire/parse-body.ts"
import { textOf } from "../wire/text-of.ts"
import type { Exchange, WireFormat } from "../wire/wire-format.ts"
import { SERVER_ERROR } from "./chat-completions.ts"
import { openaiCall } from "./openai-call.ts"

const anyRecord = z.record(z.string(), z.unknown())

const fields = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(anyRecord).min(1)]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string(), name: z.string().optional(), parameters: anyRecord.nullish() }))
    .nullish(),
  tool_choice: z.union([z.string(), anyRecord]).nullish(),
  text: z
    .looseObject({ format: z.looseObject({ type: z.string(), schema: anyRecord.optional() }).optional() })
    .nullish(),
})

/** `POST /v1/responses`. Nothing is stored: `previous_response_id` is accepted and adds no tokens. */
export const responses: WireFormat = {
  vendor: "openai",

  readCall(body): WireCall {
    const call = parseFields(fields, body)
    const said =
      typeof call.input === "string"
        ? [{ role: "user", text: call.input }]
        : call.input.map((item) => ({
            role: typeof item["role"] === "string" ? item["role"] : "user",
            text: textOf(item),
          }))
    const messages = call.instructions ? [{ role: "system", text: call.instructions }, ...said] : said
    const tools: OfferedTool[] = (call.tools ?? []).flatMap(({ name, parameters }) =>
      name === undefined ? [] : [{ name, parameters: parameters ?? { type: "object" } }],
    )
    return openaiCall(body, {
      model: call.model,
      messages,
      sentTools: call.tools,
      tools,
      toolChoice: call.tool_choice,
      stream: call.stream,
      maxOutputTokens: call.max_output_tokens,
      format: call.text?.format,
    })
  },

  body(exchange, answer) {
    return response(exchange, finalStatus(answer), [item(exchange, answer, answer.text, "completed")], answer)
  },

  script(exchange, answer) {
    let sequence = 0
    const event = (type: string, data: object): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...data })}\n\n`
    const at = { item_id: itemId(exchange, answer), output_index: 0 }
    const isTool = answer.toolName !== undefined
    const started = response(exchange, "in_progress", [])
    return {
      opening: () =>
        event("response.created", { response: started }) +
        event("response.in_progress", { response: started }) +
        event("response.output_item.added", {
          output_index: 0,
          item: item(exchange, answer, undefined, "in_progress"),
        }) +
        (isTool ? "" : event("response.content_part.added", { ...at, content_index: 0, part: textPart("") })),
      piece: (text) =>
        isTool
          ? event("response.function_call_arguments.delta", { ...at, delta: text })
          : event("response.output_text.delta", { ...at, content_index: 0, delta: text, logprobs: [] }),
      closing: () => {
        const whole = item(exchange, answer, answer.text, "completed")
        const said = isTool
          ? event("response.function_call_arguments.done", { ...at, name: answer.toolName, arguments: answer.text })
          : event("response.output_text.done", { ...at, content_index: 0, text: answer.text, logprobs: [] }) +
            event("response.content_part.done", { ...at, content_index: 0, part: textPart(answer.text) })
        const status = finalStatus(answer)
        return (
          said +
          event("response.output_item.done", { output_index: 0, item: whole }) +
          event(`response.${status}`, { response: response(exchange, status, [whole], answer) })
        )
      },
      broken: () => event("error", { code: "server_error", message: SERVER_ERROR, param: null }),
    }
  },
}

function finalStatus({ finish }: SimulatedAnswer): "completed" | "incomplete" {
  return finish === "length" ? "incomplete" : "completed"
}

function itemId({ id }: Exchange, { toolName }: SimulatedAnswer): string {
  return `${toolName === undefined ? "msg" : "fc"}_${id}`
}

/** The one item of the output; without text as it looks before anything was said. */
function item(exchange: Exchange, answer: SimulatedAnswer, text: string | undefined, status: string): object {
  const id = itemId(exchange, answer)
  return answer.toolName === undefined
    ? { id, type: "message", status, role: "assistant", content: text === undefined ? [] : [textPart(text)] }
    : {
        id,
        type: "function_call",
        status,
        call_id: `call_${exchange.id}`,
        name: answer.toolName,
        arguments: text ?? "",
      }
}

function textPart(text: string): object {
  return { type: "output_text", text, annotations: [], logprobs: [] }
}

function response(
  { id, createdS, call }: Exchange,
  status: string,
  output: readonly object[],
  answer?: SimulatedAnswer,
): object {
  const { body, inputTokens } = call
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: createdS,
    completed_at: status === "completed" ? createdS : null,
    status,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: body["max_output_tokens"] ?? null,
    model: call.model,
    output,
    parallel_tool_calls: body["parallel_tool_calls"] ?? true,
    previous_response_id: body["previous_response_id"] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: "default",
    store: false,
    temperature: body["temperature"] ?? 1,
    text: body["text"] ?? { format: { type: "text" } },
    tool_choice: body["tool_choice"] ?? "auto",
    tools: body["tools"] ?? [],
    top_p: body["top_p"] ?? 1,
    truncation: "disabled",
    metadata: body["metadata"] ?? {},
    usage:
      answer === undefined
        ? null
        : {
            input_tokens: inputTokens,
            input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
            output_tokens: answer.outputTokens,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: inputTokens + answer.outputTokens,
          },
  }
}
