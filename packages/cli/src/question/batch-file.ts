import { usageError } from "../usage-error.ts"
import type { PromptMessage, Question, QuestionOptions } from "./compile-question.ts"
import { type BatchLine, batchLineOf } from "./batch-line.ts"
import { type InputRecord, textOf } from "./prompt-template.ts"

/** What a line asks, for a person: its messages, or its texts. */
export function batchMessages({ body }: BatchLine): PromptMessage[] {
  const { messages, input, prompt, instructions } = body
  const system = typeof instructions === "string" ? [{ role: "system" as const, content: instructions }] : []
  const said = messages ?? input ?? prompt
  return [...system, ...(Array.isArray(said) ? said : [said]).map(messageOf)]
}

function messageOf(one: unknown): PromptMessage {
  if (typeof one !== "object" || one === null) return { role: "user", content: textOf(one) }
  const { role, content = one } = one as { role?: unknown; content?: unknown }
  return { role: role === "system" || role === "assistant" ? role : "user", content: textOf(content) }
}

/** Options that a body says for itself. */
const inBody: Readonly<Partial<Record<keyof QuestionOptions, string>>> = {
  prompt: "--prompt",
  promptFile: "--prompt-file",
  system: "--system",
  systemFile: "--system-file",
  messages: "--messages",
  schema: "--schema",
  param: "--param",
  maxOutputTokens: "--max-output-tokens",
  temperature: "--temperature",
  topP: "--top-p",
  modelSeed: "--model-seed",
  stop: "--stop",
  reasoningEffort: "--reasoning-effort",
  option: "--option",
  attach: "--attach",
}

/** The question of an OpenAI batch file: each line is its own, sent as it stands, or as `fit` has it, which throws what does not fit this run. */
export function batchFileQuestion(
  options: Readonly<Partial<Record<keyof QuestionOptions, unknown>>>,
  fit: (line: BatchLine) => BatchLine = (line) => line,
): Question {
  for (const [name, option] of Object.entries(inBody)) {
    if (options[name as keyof QuestionOptions] === undefined) continue
    throw usageError(`${option}: each line of an OpenAI batch file is sent as it stands, and its body says it.`)
  }
  const request = (record: InputRecord, where: string): BatchLine => fit(batchLineOf(record, where))
  return {
    messages: (record, where) => batchMessages(request(record, where)),
    request,
    texts: { messages: [], param: {} },
    schema: undefined,
    settings: {},
    requestOptions: undefined,
    fingerprint: { format: "openai-batch" },
  }
}
