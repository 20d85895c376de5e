/**
 * What of `max_tokens` is charged when a call arrives, and never given back.
 * `true`: all of it, beside the prompt (Azure) · `"larger"`: it or the prompt, whichever is larger (OpenAI) ·
 * `false`: none of it; output is charged as it is produced (Anthropic).
 */
export type MaxTokensCharge = boolean | "larger"

interface SizedCall {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly maxTokens?: number
}

/** What is charged at arrival for the answer, beside the prompt. A call without `maxTokens` is charged what it will say. */
export function chargedAhead(charge: MaxTokensCharge, call: SizedCall): number {
  if (!charge) return 0
  // Read only where it is needed: the length of an answer may have to be composed first.
  if (call.maxTokens === undefined) return call.outputTokens
  return charge === "larger" ? Math.max(0, call.maxTokens - call.inputTokens) : call.maxTokens
}
