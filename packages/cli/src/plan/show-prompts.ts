import type { Attachment } from "../attach/attachments.ts"
import { printableJson, printableText } from "../display/printable.ts"
import { countOf } from "../display/quantities.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import { MessageRemarks } from "../question/message-remarks.ts"
import type { PromptMessage } from "../question/compile-question.ts"
import { emptyInput, type InputOptions, readInput } from "../input/read-input.ts"
import type { NamedQuestion } from "../variants/compile-variants.ts"
import { promptTokens, tokensOf } from "./prompt-tokens.ts"

export interface ShownPrompts {
  readonly files: readonly string[]
  readonly input: InputOptions
  /** One, or those that are compared by their names. */
  readonly asked: readonly NamedQuestion[]
  readonly count: number
  readonly json: boolean
}

/** `--show N`: the prompts of the first inputs as they would be sent, on standard output. Asks nobody and writes no file. */
export async function showPrompts(
  { files, input, asked, count, json }: ShownPrompts,
  { stdin, stdout, stderr }: Terminal,
): Promise<number> {
  let shown = 0
  const remarks = new MessageRemarks()
  const questions = asked.map(({ question }) => question)
  for await (const { record, where } of readInput(
    files,
    { ...input, limit: Math.min(count, input.limit ?? count) },
    stdin,
  )) {
    shown++
    remarks.see(questions, record)
    for (const { name, question, models } of asked) {
      const messages = question.messages(record, where)
      const attachments = question.attachments?.(record, where) ?? []
      const tokens = promptTokens(messages) + (await tokensOf(attachments, models?.[0]))
      const from = asked.length > 1 ? `${where}, ${name}` : where
      const column = asked.length > 1 ? { column: name } : {}
      const said = { where, ...column, tokens, messages, ...(attachments.length > 0 && { attachments }) }
      stdout.write(json ? `${printableJson(said)}\n` : `${printableText(textOf({ ...said, where: from }))}\n`)
    }
  }
  if (shown === 0) throw emptyInput(files.join(", "))
  for (const words of remarks.words()) stderr.write(`${printableText(words)}\n`)
  return exitCodes.done
}

interface Shown {
  readonly where: string
  readonly tokens: number
  readonly messages: readonly PromptMessage[]
  readonly attachments?: readonly Attachment[]
}

function textOf({ where, tokens, messages, attachments = [] }: Shown): string {
  const files = attachments.map(({ path, mediaType, bytes }) => `[attached] ${path} (${mediaType}, ${bytes} bytes)\n`)
  const parts = messages.map(({ role, content }) => `[${role}]\n${content}\n`)
  return `${where}: about ${countOf(tokens, "token")}\n${parts.join("")}${files.join("")}`
}
