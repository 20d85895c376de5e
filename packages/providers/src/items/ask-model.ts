import { invalidOption } from "@sluice/core/internal"

/**
 * What is used of a model of the AI SDK, as `createOpenAI(...)("gpt-5-mini")` and its like make it, of AI SDK 5, 6 and 7. It is
 * called itself: no package is loaded for it, neither at start nor later, so a bundler has nothing to take apart.
 */
export interface AskModel {
  readonly doGenerate: (call: never) => PromiseLike<unknown>
}

/** A message as a provider takes it. */
export type ModelMessage =
  | { readonly role: "system"; readonly content: string }
  | {
      readonly role: "user" | "assistant"
      readonly content: readonly { readonly type: "text"; readonly text: string }[]
    }

interface PromptCall {
  readonly prompt: readonly ModelMessage[]
  readonly responseFormat: { readonly type: "json"; readonly schema: unknown }
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly abortSignal?: AbortSignal
}

/** What an answer took. */
export interface ModelUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
}

/** An answer, as far as it is read. In AI SDK 5 the counts and the reason are plain, since 6 they are objects. */
interface ModelResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[]
  readonly structuredOutputText?: string
  readonly finishReason?: string | { readonly unified?: string }
  readonly usage?: {
    readonly inputTokens?: number | { readonly total?: number; readonly cacheRead?: number }
    readonly outputTokens?: number | { readonly total?: number }
    readonly cachedInputTokens?: number
  }
}

/** One call of the model, and its answer in one form for all versions. */
export async function askModel(
  model: AskModel | string,
  call: PromptCall,
): Promise<{ readonly text: string; readonly finishReason: string | undefined; readonly usage: ModelUsage }> {
  if (typeof model === "string" || typeof model.doGenerate !== "function") {
    const wanted = "a model that a provider made, such as openai(...) or gateway(...)"
    throw invalidOption("ask", "model", wanted, model)
  }
  const result = (await model.doGenerate(call as never)) as ModelResult
  const { finishReason, usage = {} } = result
  const { inputTokens, outputTokens, cachedInputTokens } = usage
  return {
    text: result.structuredOutputText ?? result.content.map((part) => (part.type === "text" ? part.text : "")).join(""),
    finishReason: typeof finishReason === "object" ? finishReason.unified : finishReason,
    usage: {
      inputTokens: totalOf(inputTokens),
      outputTokens: totalOf(outputTokens),
      cachedInputTokens: (typeof inputTokens === "object" ? inputTokens.cacheRead : cachedInputTokens) ?? 0,
    },
  }
}

function totalOf(tokens: number | { readonly total?: number } | undefined): number {
  return (typeof tokens === "object" ? tokens.total : tokens) ?? 0
}
