import type { Cost } from "@sluice/core"
import { isCost } from "@sluice/core/internal"
import { unlessItThrows } from "../vendors/unless-it-throws.ts"
import type { Learned, RequestFacts, Usage, Vendor } from "../vendors/vendor.ts"
import { longestAnswer, type Price, usdOf } from "./prices.ts"
import { LearnedTokens, learnedDefaults } from "./token-estimate.ts"

/** What of a call its cost follows from. */
export interface CostedCall {
  readonly vendor: Vendor
  readonly facts: RequestFacts
  readonly learned: LearnedTokens
  /** Dollars are counted only where there is one. */
  readonly price?: Price | undefined
}

/** Who counted: the vendor; we, the pieces of a whole stream; we, those of one that was cut; nobody. */
export type Counted = "counted" | "guessed" | "partial" | "unknown"

const nothingLearned: Learned = Object.freeze({ inputTokens: () => 0, outputMean: 0, outputSpread: 0 })

/** What is reserved for a call before it is sent: what the vendor will charge to its limits, and the most dollars it can cost. */
export function estimateOf(call: CostedCall): Cost {
  const cost = call.vendor.estimate(call.facts, call.learned)
  const usd = usdAtMost(call)
  return usd === undefined ? cost : { ...cost, usd }
}

/** What of that is known for sure: `max_tokens` where the vendor charges that, and the most that the call may cost. */
export function certainOf({ vendor, facts }: Pick<CostedCall, "vendor" | "facts">, { usd }: Cost): Cost {
  const cost = vendor.estimate(facts, nothingLearned)
  return usd === undefined ? cost : { ...cost, usd }
}

/**
 * The most that a call can cost, as far as anybody can know. Output: its own cap, else the model's maximum; once ten answers
 * are known, no more than twice the longest of them. Input: as estimated; before ten answers a token a character, which
 * hardly any text exceeds. All at the price of what is written to a cache, where that is dearer.
 */
export function usdAtMost({ facts, learned, price }: CostedCall): number | undefined {
  if (!price) return undefined
  const { prompt, maxOutputTokens, answers } = facts
  const cap = maxOutputTokens ?? price.maxOutputTokens ?? longestAnswer
  const { likelyMostOutput } = learned
  const likelyInput = learned.inputTokens(prompt)
  const inputTokens = likelyMostOutput === undefined ? Math.max(likelyInput, prompt.textChars) : likelyInput
  return usdOf(price, {
    inputTokens,
    outputTokens: Math.min(cap, likelyMostOutput ?? Infinity) * answers,
    cachedInputTokens: 0,
    cacheWriteTokens: (price.cacheWrite ?? 0) > price.input ? inputTokens : 0,
  })
}

/** What a call is taken to have used that nobody has counted: dollars were reserved for the longest answer there may be. */
export function likelyUsage({ facts, learned }: CostedCall): Usage {
  return {
    inputTokens: learned.inputTokens(facts.prompt),
    outputTokens: Math.ceil(Math.min(facts.maxOutputTokens ?? Infinity, learned.outputMean) * facts.answers),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
  }
}

/** Whether counts can be true: a mistake of the vendor's must not put a quota into debt for days. */
export function isPlausible({ inputTokens, outputTokens }: Usage): boolean {
  return Math.max(inputTokens, outputTokens) <= learnedDefaults.mostTokens
}

/** What was used, for those who pay; a batch pays `priceShare` of the price. */
export function costOf({ price }: Pick<CostedCall, "price">, usage: Usage, priceShare = 1): Cost {
  const { inputTokens, outputTokens } = usage
  return { requests: 1, inputTokens, outputTokens, ...(price && { usd: usdOf(price, usage) * priceShare }) }
}

/** What stays charged to the quota, in place of the estimate, for a usage that `isWhole` or is that of a stream which was cut. */
export function chargedFor(call: CostedCall, estimate: Cost, usage: Usage, isWhole: boolean): Cost {
  const { vendor, facts, price } = call
  const inputTokens = isWhole
    ? Math.min(usage.inputTokens, LearnedTokens.mostInputTokens(facts.prompt))
    : usage.inputTokens
  const counted = { ...usage, inputTokens, cachedInputTokens: Math.min(usage.cachedInputTokens, inputTokens) }
  const told = unlessItThrows(() => vendor.charged(estimate, counted, facts))
  const charged = told && isCost(told) ? told : estimate
  return price ? { ...charged, usd: usdOf(price, usage) } : charged
}

/** What stays charged of an attempt that nobody has counted, where that is not the estimate: dollars of a likely answer. */
export function chargedUncounted(call: CostedCall, estimate: Cost): Cost | undefined {
  return call.price && { ...estimate, usd: usdOf(call.price, likelyUsage(call)) }
}

/** The next estimates are made of what this answer has used, as far as that was counted. */
export function learnFrom({ facts, learned }: CostedCall, usage: Usage, how: Counted): void {
  if (how === "counted") learned.learnInput(facts.prompt, usage.inputTokens)
  if ((how === "counted" || how === "guessed") && facts.answers > 0)
    learned.learnOutput(usage.outputTokens / facts.answers)
}
