import { bestPattern, longestAnswer, type Price, prices as listPrices, usdOf } from "@sluice/providers"
import type { QuotaOptions } from "@sluice/scheduler"
import type { SluiceConfig } from "../commands/config-file.ts"
import { parseModelName } from "./model-name.ts"
import type { RunLimits } from "../run/options/run-limits.ts"
import { usageError } from "../usage-error.ts"

/** Those that hold for this model. */
export function limitsFor(model: string, { limits: byModel, ...together }: RunLimits): QuotaOptions {
  if (!byModel) return together
  const pattern = bestPattern(Object.keys(byModel), model)
  return (pattern === undefined ? undefined : byModel[pattern]) ?? {}
}

/** OpenAI's guide: "free to use". No price list of models, whose prices are above 0, has them. */
const free: Readonly<Record<string, Price>> = {
  "omni-moderation-*": { input: 0, output: 0 },
  "text-moderation-*": { input: 0, output: 0 },
}

/** The configuration's, or the list price. */
export function priceOf(model: string, { prices }: SluiceConfig): Price | undefined {
  const known = { ...listPrices, ...free, ...prices }
  const pattern = bestPattern(Object.keys(known), model)
  return pattern === undefined ? undefined : known[pattern]
}

/** Dollars that a run takes from its budget before the first answer, for the call that may cost least. */
export function atLeastReserved(
  calls: readonly { readonly inputTokens: number; readonly outputTokens: number; readonly maxTokens?: number }[],
  price: Price,
): number {
  return calls.reduce((least, { inputTokens, outputTokens, maxTokens }) => {
    // An embedding answers in no words.
    const most = outputTokens === 0 ? 0 : (maxTokens ?? price.maxOutputTokens ?? longestAnswer)
    const usage = { inputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: most }
    return Math.min(least, usdOf(price, usage))
  }, Infinity)
}

/** A budget that nothing would be counted against is refused: whoever gives one relies on it. */
export function checkBudget(model: string, limits: RunLimits, config: SluiceConfig): void {
  const { vendor, id } = parseModelName(model)
  checkPrice(vendor, id, limits, config)
}

export function checkPrice(vendor: string, id: string, limits: RunLimits, config: SluiceConfig): void {
  const isFree = vendor === "lab" || vendor === "noop"
  if (isFree || limitsFor(id, limits).budgetUsd === undefined || priceOf(id, config)) return
  throw usageError(
    `The budget cannot be kept: the price of ${id} is not known. Put it into sluice.config.json, in dollars per million tokens: {"prices": {"${id}": {"input": 1, "output": 4}}}.`,
  )
}

/** What a budget of the command does not count, in words: of other vendors it is refused. */
export function uncountedWarning(model: string, limits: RunLimits, config: SluiceConfig): string | undefined {
  const { vendor, id } = parseModelName(model)
  if (vendor !== "lab" || limitsFor(id, limits).budgetUsd === undefined || priceOf(id, config)) return undefined
  return `The budget does not count calls of ${model}, whose price is not known. Name a model that has one, such as --model lab:gpt-5-mini, or put it into sluice.config.json, in dollars per million tokens: {"prices": {"${id}": {"input": 1, "output": 4}}}.`
}
