import type { PromptSize } from "./measure-prompt.ts"
import type { Learned } from "../vendors/vendor.ts"

/** What is assumed of a model before its first answer, each figure with its reason. */
export const learnedDefaults: {
  readonly tokensPerChar: number
  readonly tokensPerMediaPart: number
  readonly leastTokensPerChar: number
  readonly mostTokensPerChar: number
  readonly mostHiddenTokens: number
  readonly mostTokens: number
  readonly outputMean: number
  readonly outputSpread: number
  readonly memory: number
  readonly fewAnswers: number
} = Object.freeze({
  /** OpenAI's and Anthropic's rule of thumb for English: four characters a token. */
  tokensPerChar: 0.25,
  /** A 1024 × 1024 image: 765 tokens at OpenAI, about 1,400 at Anthropic (their vision guides, read 2026-11). */
  tokensPerMediaPart: 1000,
  /** Blanks and rules of dashes, of which a tokeniser takes dozens at once. */
  leastTokensPerChar: 0.02,
  /** Rare scripts and emoji, of which a byte may be a token. */
  mostTokensPerChar: 2,
  /** The longest system prompts and tool descriptions that servers add have some ten thousand tokens. */
  mostHiddenTokens: 32_000,
  /** The longest context of any model (Llama 4 Scout, read 2026-11): a count beyond it is a mistake. */
  mostTokens: 10_000_000,
  /** A few paragraphs. */
  outputMean: 256,
  outputSpread: 256,
  /** The last hundred answers or so decide: prompts of one job resemble each other, jobs do not. */
  memory: 0.98,
  /** The next answer is longer than twice the longest of ten less than once in a hundred, for lengths of any usual spread. */
  fewAnswers: 10,
})

/**
 * How far off the two figures of `tokens = hidden + perChar × characters` may be, as variances. At first tokens that nobody sent
 * are unlikely; an answer with more tokens than its characters could be shows how many there may be.
 */
const firstHidden = 20 ** 2
const mostHidden = 1000 ** 2
const firstPerChar = 0.4 ** 2
/** With each answer the past counts a tenth less sure. */
const drift = 1.1
/** Tokens differ from any such line by about a tenth, and by a few words. */
const noiseOf = (tokens: number): number => (tokens / 10 + 20) ** 2

/**
 * Learns from one model's answers how many tokens its prompts have: so many per character, and so many that nobody sent
 * (a server's own system prompt, tools) apart, so that neither is taken for the other; and how long its answers are.
 * The vendor's own counts are the only teacher: a tokeniser would cost a thousand times as much per call and be no nearer to
 * what is charged (docs/decisions/2026-11-24-no-tokeniser.md). Counts beyond any tokeniser are cut before they teach.
 * Constant memory.
 *
 * Source: recursive least squares with forgetting (a Kalman filter of two states), Ljung 1999, §11.
 */
export class LearnedTokens implements Learned {
  #hidden = 0
  #perChar = learnedDefaults.tokensPerChar
  // Covariance of the two.
  #hh = firstHidden
  #hp = 0
  #pp = firstPerChar
  #answers = 0
  #longestOutput = 0
  outputMean: number = learnedDefaults.outputMean
  outputSpread: number = learnedDefaults.outputSpread

  readonly inputTokens = ({ textChars, mediaParts }: PromptSize): number =>
    textChars === 0 && mediaParts === 0
      ? 0
      : Math.ceil(this.#hidden + this.#perChar * textChars + mediaParts * learnedDefaults.tokensPerMediaPart)

  /** More than this a tokeniser cannot make of such a prompt. */
  static mostInputTokens({ textChars, mediaParts }: PromptSize): number {
    const { mostHiddenTokens, mostTokensPerChar, mostTokens } = learnedDefaults
    return mediaParts > 0 ? mostTokens : mostHiddenTokens + mostTokensPerChar * textChars
  }

  /** As many output tokens as an answer has had at most, twice over; `undefined` while few answers are known. */
  get likelyMostOutput(): number | undefined {
    return this.#answers < learnedDefaults.fewAnswers ? undefined : 2 * this.#longestOutput
  }

  learnInput({ textChars, mediaParts }: PromptSize, inputTokens: number): void {
    if (mediaParts > 0 || textChars === 0) return
    const { mostHiddenTokens, mostTokensPerChar, leastTokensPerChar } = learnedDefaults
    const ofChars = mostTokensPerChar * textChars
    const counted = Math.min(inputTokens, LearnedTokens.mostInputTokens({ textChars, mediaParts }))
    const expected = this.#hidden + this.#perChar * textChars
    const off = counted - expected
    this.#hh = Math.max(this.#hh, Math.min(mostHidden, this.#hh * drift))
    this.#pp = Math.max(this.#pp, Math.min(firstPerChar, this.#pp * drift))
    if (off > 0 && counted > ofChars) this.#hh = Math.max(this.#hh, (counted - ofChars) ** 2)
    const h = this.#hh + this.#hp * textChars
    const p = this.#hp + this.#pp * textChars
    const variance = h + p * textChars + noiseOf(Math.max(counted, expected))
    // What every call has beside its text is never more than what one of them had in all.
    this.#hidden = clamp(0, this.#hidden + (h / variance) * off, Math.min(counted, mostHiddenTokens))
    this.#perChar = clamp(leastTokensPerChar, this.#perChar + (p / variance) * off, mostTokensPerChar)
    this.#hh -= (h * h) / variance
    this.#hp -= (h * p) / variance
    this.#pp -= (p * p) / variance
  }

  learnOutput(outputTokens: number): void {
    const weight = Math.max(1 / (++this.#answers + 1), 1 - learnedDefaults.memory)
    const off = outputTokens - this.outputMean
    this.outputMean += weight * off
    this.outputSpread = Math.sqrt((1 - weight) * (this.outputSpread ** 2 + weight * off ** 2))
    this.#longestOutput = Math.max(this.#longestOutput, outputTokens)
  }
}

const clamp = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value))
