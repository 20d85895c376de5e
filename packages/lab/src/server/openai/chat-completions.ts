import { z } from "zod"
import type { SimulatedAnswer, OfferedTool } from "../../answers/answer.ts"
import type { WireCall } from "../wire/model-call.ts"
import { parseFields } from "../wire/parse-body.ts"
import { textOf } from "../wire/text-of.ts"
import type { Exchange, WireFormat } from "../wire/wire-format.ts"
import { openaiCall } from "./openai-call.ts"

const tokenMaximum = z.int().min(1).nullish()

const fields = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: tokenMaximum,
  max_completion_tokens: tokenMaximum,
  n: z.int().min(1).max(1, "this vendor answers with one choice").nullish(),
  tools: z
    .array(
      z.looseObject({
        type: z.string(),
        function: z
          .looseObject({ name: z.string(), parameters: z.record(z.string(), z.unknown()).nullish() })
          .optional(),
      }),
    )
    .nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  response_format: z
    .looseObject({
      type: z.string(),
      json_schema: z.looseObject({ schema: z.record(z.string(), z.unknown()).optional() }).optional(),
    })
    .nullish(),
})

/** What OpenAI says when it is at fault. */
export const SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"

/** `POST /v1/chat/completions`. */
export const chatCompletions: WireFormat = {
  vendor: "openai",

  readCall(body): WireCall {
    const call = parseFields(fields, body)
    const messages = call.messages.map((message) => ({
      role: message.role,
      text: [
        textOf(message.content),
        message["tool_calls"] === undefined ? "" : JSON.stringify(message["tool_calls"]),
      ].join(""),
    }))
    const tools: OfferedTool[] = (call.tools ?? []).flatMap((tool) =>
      tool.function === undefined
        ? []
        : [{ name: tool.function.name, parameters: tool.function.parameters ?? { type: "object" } }],
    )
    const format = call.response_format
    return openaiCall(body, {
      model: call.model,
      messages,
      sentTools: call.tools,
      tools,
      toolChoice: call.tool_choice,
      stream: call.stream,
      maxOutputTokens: call.max_completion_tokens ?? call.max_tokens,
      format: format && { type: format.type, schema: format.json_schema?.schema },
    })
  },

  body(exchange, answer) {
    const message =
      answer.toolName === undefined
        ? { role: "assistant", content: answer.text, refusal: null, annotations: [] }
        : {
            role: "assistant",
            content: null,
            refusal: null,
            annotations: [],
            tool_calls: [toolCall(exchange, answer, answer.text)],
          }
    return {
      ...head(exchange, "chat.completion"),
      choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(answer) }],
      usage: usage(exchange.call, answer),
    }
  },

  script(exchange, answer) {
    const withUsage =
      (exchange.call.body["stream_options"] as { include_usage?: boolean } | undefined)?.include_usage === true
    const chunk = (delta: object, finish: string | null = null): string =>
      event({
        ...head(exchange, "chat.completion.chunk"),
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
        ...(withUsage && { usage: null }),
      })
    const isTool = answer.toolName !== undefined
    return {
      opening: () =>
        chunk(
          isTool
            ? { role: "assistant", content: null, tool_calls: [{ index: 0, ...toolCall(exchange, answer, "") }] }
            : { role: "assistant", content: "", refusal: null },
        ),
      piece: (text) =>
        chunk(isTool ? { tool_calls: [{ index: 0, function: { arguments: text } }] } : { content: text }),
      closing: () =>
        chunk({}, finishReason(answer)) +
        (withUsage
          ? event({ ...head(exchange, "chat.completion.chunk"), choices: [], usage: usage(exchange.call, answer) })
          : "") +
        "data: [DONE]\n\n",
      broken: () => event({ error: { message: SERVER_ERROR, type: "server_error", param: null, code: null } }),
    }
  },
}

/** One server-sent event without a name. */
export function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

function head({ id, createdS, call }: Exchange, object: string): object {
  return {
    id: `chatcmpl-${id}`,
    object,
    created: createdS,
    model: call.model,
    service_tier: "default",
    system_fingerprint: "fp_lab",
  }
}

function toolCall({ id }: Exchange, answer: SimulatedAnswer, args: string): object {
  return { id: `call_${id}`, type: "function", function: { name: answer.toolName, arguments: args } }
}

function finishReason({ finish }: SimulatedAnswer): string {
  return finish === "tool" ? "tool_calls" : finish
}

function usage(call: WireCall, answer: SimulatedAnswer): object {
  return {
    prompt_tokens: call.inputTokens,
    completion_tokens: answer.outputTokens,
    total_tokens: call.inputTokens + answer.outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
