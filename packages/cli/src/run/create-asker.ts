import { generateText, jsonSchema, type LanguageModel, Output } from "ai"
import type { Question } from "../input/compile-question.ts"
import type { InputRecord } from "../input/prompt-template.ts"

/** Asks about one input and answers the text, or the object where a schema was given. */
export type Asker = (record: InputRecord, where: string, signal: AbortSignal) => Promise<unknown>

/** Asks the model; its calls are admitted and retried below, by its `fetch`. */
export function createAsker(model: LanguageModel, question: Question): Asker {
  const output = question.schema && Output.object({ schema: jsonSchema(question.schema) })
  return async (record, where, abortSignal) => {
    const result = await generateText({
      model,
      messages: question.messages(record, where),
      allowSystemInMessages: true,
      maxRetries: 0,
      abortSignal,
      ...question.settings,
      ...(output && { output }),
    })
    return output ? result.output : result.text
  }
}
