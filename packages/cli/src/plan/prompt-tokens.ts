import { countTokens } from "@sluice/lab"
import type { Attachment } from "../attach/attachments.ts"
import { parseModelName } from "../model/model-name.ts"
import type { PromptMessage } from "../question/compile-question.ts"

/** About how many tokens a prompt has. */
export function promptTokens(messages: readonly PromptMessage[]): number {
  return messages.reduce((sum, { content }) => sum + countTokens(content), 0)
}

/** About how many tokens files add to it, as the vendor of `model` counts them. */
export async function tokensOf(attachments: readonly Attachment[], model = "openai:gpt"): Promise<number> {
  if (attachments.length === 0) return 0
  const { attachedTokens } = await import("../attach/attached-tokens.ts")
  const { vendor, id } = parseModelName(model)
  return attachments.reduce((sum, attachment) => sum + attachedTokens(attachment, vendor, id), 0)
}
