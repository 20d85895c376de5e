import type { Usage } from "../vendor.ts"

/**
 * The output that makes the vendor's numbers add up. Some count thoughts beside the answer's tokens and only in the total
 * (xAI, Gemini's endpoint for OpenAI's protocol, Perplexity); a total below its own parts cannot be trusted.
 */
export function outputBeside(
  input: number,
  output: number | undefined,
  thought: number | undefined,
  total: number | undefined,
): Pick<Usage, "outputTokens" | "isDoubtful"> {
  if (total === undefined) {
    // Thoughts are part of the output; more of them than of it stand beside it.
    const beside = thought !== undefined && thought > (output ?? 0) ? thought : 0
    return { outputTokens: (output ?? 0) + beside }
  }
  if (total < input + (output ?? 0)) return { outputTokens: output ?? 0, isDoubtful: true }
  return { outputTokens: total - input }
}

/** What is known of a stream's usage, with what its next event says: counts only grow, and a field left out says nothing. */
export function grownUsage(known: Partial<Usage>, said: Partial<Usage>): Partial<Usage> {
  const grown: { -readonly [K in keyof Usage]?: Usage[K] } = { ...known }
  for (const name of ["inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteTokens"] as const) {
    const value = said[name]
    if (value !== undefined) grown[name] = Math.max(value, known[name] ?? 0)
  }
  if (said.isDoubtful) grown.isDoubtful = true
  return grown
}
