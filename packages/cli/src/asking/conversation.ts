import { basename } from "node:path"
import type { LanguageModelV4FilePart, LanguageModelV4Message } from "@ai-sdk/provider"
import { bytesOf } from "../attach/attachments.ts"
import type { PromptMessage, Question } from "../question/compile-question.ts"
import type { InputRecord } from "../question/prompt-template.ts"
import type { AnswerFailure } from "./answer.ts"

export interface Asked {
  readonly record: InputRecord
  readonly where: string
  readonly signal: AbortSignal
  /** The answer of the attempt before, which did not fit the schema. */
  readonly before?: AnswerFailure | undefined
}

/** What is said to the model about one input. `sayForm`: with the schema in words. */
export function conversation(question: Question, asked: Asked, sayForm: boolean): LanguageModelV4Message[] {
  const { record, where, before } = asked
  const messages = question.messages(record, where)
  const last = messages.at(-1)
  if (sayForm && last && question.schema) {
    const form = JSON.stringify(question.schema.schema)
    messages[messages.length - 1] = {
      ...last,
      content: `${last.content}\n\nAnswer with nothing but JSON that fits this JSON schema:\n${form}`,
    }
  }
  const said = withFiles(messages.map(messageOf), filesOf(question, asked))
  if (!before) return said
  return [
    ...said,
    ...(before.text.trim() === "" ? [] : [messageOf({ role: "assistant", content: before.text })]),
    messageOf({
      role: "user",
      content: `That answer is not valid: ${before.message}\nAnswer again with nothing but JSON that fits the schema.`,
    }),
  ]
}

function messageOf({ role, content }: PromptMessage): LanguageModelV4Message {
  return role === "system" ? { role, content } : { role, content: [{ type: "text", text: content }] }
}

function filesOf({ attachments }: Question, { record, where }: Asked): LanguageModelV4FilePart[] {
  return (attachments?.(record, where) ?? []).map((attachment) => ({
    type: "file",
    mediaType: attachment.mediaType,
    filename: basename(attachment.path),
    data: { type: "data", data: bytesOf(attachment) },
  }))
}

/** Files stand before the words about them: in the last message of the user. */
function withFiles(
  messages: readonly LanguageModelV4Message[],
  files: readonly LanguageModelV4FilePart[],
): LanguageModelV4Message[] {
  const at = messages.findLastIndex(({ role }) => role === "user")
  return messages.map((message, index) =>
    index === at && message.role === "user" ? { ...message, content: [...files, ...message.content] } : message,
  )
}
