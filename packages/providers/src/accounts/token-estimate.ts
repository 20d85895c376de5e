import type { PromptSize } from "./measure-prompt.ts"
import type { Learned } from "../vendors/vendor.ts"

/** What is assumed of a model before its first answer, each figure with its reason. */
export const learnedDefaults: {
  readonly tokensPerChar: number
  readonly tokensPerMediaPart: number
  readonly outputMean: number
  readonly outputSpread: number
  readonly memory: number
} = Object.freeze({
  /** OpenAI's and Anthropic's rule of thumb for English: four characters a token. */
  tokensPerChar: 0.25,
  /** A 1024 × 1024 image: 765 tokens at OpenAI, about 1,400 at Anthropic (their vision guides, read 2026-11). */
  tokensPerMediaPart: 1000,
  /** A few paragraphs. */
  outputMean: 256,
  outputSpread: 256,
  /** The last hundred answers or so decide: prompts of one job resemble each other, jobs do not. */
  memory: 0.98,
})

/**
 * Learns from one model's answers how many tokens its prompts have per character, and how long its answers are.
 * The vendor's own counts are the only teacher: a tokeniser would cost a thousand times as much per call and be no nearer to
 * what is charged (docs/decisions/2026-11-24-no-tokeniser.md). Constant memory.
 */
export class LearnedTokens implements Learned {
  // Decayed sums, seeded with the defaults as if a small call had been seen.
  #chars = 400
  #tokens = 400 * learnedDefaults.tokensPerChar
  #answers = 0
  outputMean: number = learnedDefaults.outputMean
  outputSpread: number = learnedDefaults.outputSpread

  readonly inputTokens = (prompt: PromptSize): number =>
    Math.ceil((prompt.textChars * this.#tokens) / this.#chars + prompt.mediaParts * learnedDefaults.tokensPerMediaPart)

  learnInput(prompt: PromptSize, inputTokens: number): void {
    if (prompt.mediaParts > 0 || prompt.textChars === 0) return
    this.#chars = this.#chars * learnedDefaults.memory + prompt.textChars
    this.#tokens = this.#tokens * learnedDefaults.memory + inputTokens
  }

  learnOutput(outputTokens: number): void {
    const weight = Math.max(1 / (++this.#answers + 1), 1 - learnedDefaults.memory)
    const off = outputTokens - this.outputMean
    this.outputMean += weight * off
    this.outputSpread = Math.sqrt((1 - weight) * (this.outputSpread ** 2 + weight * off ** 2))
  }
}
