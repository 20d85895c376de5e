import type { Attributes } from "@opentelemetry/api"
import type { CallContent } from "@sluice/core"
import { hideKeyShapes } from "@sluice/core/internal"

interface MessagePart {
  readonly type: string
  readonly content?: string
  readonly id?: unknown
  readonly name?: unknown
  readonly arguments?: unknown
  readonly response?: unknown
}

interface Message {
  readonly role: string
  readonly parts: readonly MessagePart[]
  /** Of an answer. */
  readonly finish_reason?: string
}

/** Prompt and answer in the form of the conventions, out of any vendor's. What is neither text nor a tool is named without its content; no key is in it. */
export function messagesOf(
  { request, answer, pieces, hide = (text) => text }: CallContent,
  finishReasons: readonly string[] = [],
): Attributes {
  const asked = request === undefined ? undefined : parsed(request)
  const system = partsOf(
    at(asked, "system") ?? at(asked, "instructions") ?? at(at(asked, "systemInstruction"), "parts"),
  )
  const input = messages(
    at(asked, "messages") ?? at(asked, "contents") ?? at(asked, "input") ?? at(asked, "prompt"),
    "user",
  )
  const output = (pieces ? streamed(pieces) : answered(answer)).map((message, choice) => {
    const reason = finishReasons[choice]
    return reason === undefined ? message : { ...message, finish_reason: reason }
  })
  const told = (value: unknown): string => hideKeyShapes(hide(JSON.stringify(value)))
  return {
    ...(system.length > 0 && { "gen_ai.system_instructions": told(system) }),
    ...(input.length > 0 && { "gen_ai.input.messages": told(input) }),
    ...(output.length > 0 && { "gen_ai.output.messages": told(output) }),
  }
}

function messages(value: unknown, role: string): Message[] {
  if (typeof value === "string") return [{ role, parts: partsOf(value) }]
  if (!Array.isArray(value)) return []
  return value.map((each: unknown) => messageOf(each, role))
}

function messageOf(value: unknown, role: string): Message {
  if (typeof value === "string") return { role, parts: partsOf(value) }
  const said = text(at(value, "role")) ?? role
  const calls = list(at(value, "tool_calls")).map(partOf)
  const content = at(value, "content") ?? at(value, "parts")
  if (said === "tool") {
    return { role: said, parts: [{ type: "tool_call_response", id: at(value, "tool_call_id"), response: content }] }
  }
  // An item of OpenAI's responses may be a call of a tool, not a message.
  const parts = content === undefined && calls.length === 0 ? [partOf(value)] : [...partsOf(content), ...calls]
  return { role: said === "model" ? "assistant" : said, parts }
}

function partsOf(value: unknown): MessagePart[] {
  if (typeof value === "string") return [{ type: "text", content: value }]
  return list(value).map(partOf)
}

function partOf(value: unknown): MessagePart {
  if (typeof value === "string") return { type: "text", content: value }
  const type = text(at(value, "type"))
  const content = text(at(value, "text"))
  if (content !== undefined) return { type: type === "reasoning" ? type : "text", content }
  const thought = text(at(value, "thinking"))
  if (thought !== undefined) return { type: "reasoning", content: thought }
  // The AI SDK's own form.
  const tool = at(value, "toolName")
  if (tool !== undefined) {
    const id = at(value, "toolCallId")
    return type === "tool-result"
      ? { type: "tool_call_response", id, name: tool, response: at(value, "output") }
      : { type: "tool_call", id, name: tool, arguments: at(value, "input") }
  }
  const called =
    at(value, "function") ??
    at(value, "functionCall") ??
    (type && /tool_use|function_call$/.test(type) ? value : undefined)
  if (called !== undefined) {
    const given = at(called, "arguments") ?? at(called, "args") ?? at(called, "input")
    return {
      type: "tool_call",
      id: at(value, "id") ?? at(value, "call_id"),
      name: at(called, "name"),
      arguments: given,
    }
  }
  const responded = at(value, "functionResponse")
  if (responded !== undefined)
    return { type: "tool_call_response", name: at(responded, "name"), response: at(responded, "response") }
  if (type && /tool_result|function_call_output/.test(type)) {
    const id = at(value, "tool_use_id") ?? at(value, "call_id")
    return { type: "tool_call_response", id, response: at(value, "content") ?? at(value, "output") }
  }
  return { type: type ?? "other" }
}

function answered(answer: unknown): Message[] {
  const choices = list(at(answer, "choices") ?? at(answer, "candidates"))
  if (choices.length > 0)
    return choices.map((choice) => messageOf(at(choice, "message") ?? at(choice, "content") ?? choice, "assistant"))
  const content = at(answer, "content") ?? at(answer, "output") ?? at(answer, "response")
  const message = at(answer, "message")
  if (message !== undefined) return [messageOf(message, "assistant")]
  if (at(answer, "output") !== undefined) return messages(content, "assistant")
  return content === undefined ? [] : [{ role: "assistant", parts: partsOf(content) }]
}

/** The text of a stream, one message for each answer that was asked for. */
function streamed(pieces: readonly string[]): Message[] {
  const texts: string[] = []
  const add = (choice: unknown, piece: unknown): void => {
    if (typeof piece === "string") texts[Number(choice) || 0] = (texts[Number(choice) || 0] ?? "") + piece
  }
  for (const piece of pieces) {
    const event = parsed(piece)
    for (const choice of list(at(event, "choices"))) add(at(choice, "index"), at(at(choice, "delta"), "content"))
    for (const candidate of list(at(event, "candidates"))) {
      for (const part of list(at(at(candidate, "content"), "parts"))) add(at(candidate, "index"), at(part, "text"))
    }
    const delta = at(event, "delta")
    // Anthropic's, and that of OpenAI's responses.
    add(0, typeof delta === "string" && at(event, "type") === "response.output_text.delta" ? delta : at(delta, "text"))
  }
  return texts.map((content) => ({ role: "assistant", parts: partsOf(content) }))
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? ((value as Readonly<Record<string, unknown>>)[key] ?? undefined)
    : undefined
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
