import type { InputRecord } from "../question/prompt-template.ts"

/** One input and where it came from, for messages: `prompts.jsonl:17`. */
export interface Input {
  readonly record: InputRecord
  readonly where: string
}
