import type { AnswerRequest } from "../../answers/answer.ts"
import { CHARACTERS_PER_TOKEN } from "../../answers/token-count.ts"

/** The wire formats that the vendor speaks. */
export type VendorName = "openai" | "azure" | "anthropic" | "gemini"

/** One call of a model as it came over the wire. */
export interface WireCall extends AnswerRequest {
  readonly vendor: VendorName
  readonly stream: boolean
}

/** A request that makes no sense: the vendor answers 400 (or the given status) and charges nothing. */
export class BadRequest extends Error {
  readonly status: number
  /** The field at fault, where there is one. */
  readonly param: string | null

  constructor(message: string, param: string | null = null, status = 400) {
    super(message)
    this.param = param
    this.status = status
  }
}

/** Tokens of what the model reads: the texts of all messages together, and the tools as the JSON that describes them. */
export function countInput(messages: AnswerRequest["messages"], tools: unknown): number {
  const characters =
    messages.reduce((sum, { text }) => sum + text.length, 0) + (tools === undefined ? 0 : JSON.stringify(tools).length)
  return Math.max(1, Math.ceil(characters / CHARACTERS_PER_TOKEN))
}
