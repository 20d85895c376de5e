import type { Question } from "./compile-question.ts"
import type { InputRecord } from "./prompt-template.ts"

/** What is asked about an input, as it is sent; a single message without its role. */
export function promptText(messages: Question["messages"], input: unknown): string {
  const list = messages(input as InputRecord, "the input")
  const [only] = list
  return list.length === 1 && only
    ? only.content
    : list.map(({ role, content }) => `[${role}]\n${content}`).join("\n\n")
}
