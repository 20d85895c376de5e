import type { Accounts } from "../accounts.ts"
import type { PreparedCall } from "../prepared-call.ts"
import { usdOf } from "../prices.ts"

/**
 * Takes what a batched call will cost from the dollars of its quota, where those are limited, and nothing else: the
 * vendor's rates do not count it. Answers how to put that right when the dollars are known.
 *
 * @throws SluiceError `budget-exhausted`
 */
export async function payAhead(
  { facts, account, quota, learned, price, admitOptions }: PreparedCall,
  accounts: Accounts,
  priceShare: number,
): Promise<(usd: number) => void> {
  const isLimited = accounts.stateOf(account, facts.model)?.limits.some(({ dimension }) => dimension === "usd")
  if (!price || !isLimited) return () => {}
  const likely = learned.outputMean + learned.outputSpread
  const usage = {
    inputTokens: learned.inputTokens(facts.prompt),
    outputTokens: facts.answers === 0 ? 0 : Math.min(facts.maxOutputTokens ?? Infinity, likely),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
  }
  const ahead = usdOf(price, usage) * priceShare
  // Settled at once: the call runs at the vendor, and holds no place here.
  const permit = await quota.admit({ requests: 0, usd: ahead }, admitOptions)
  permit.settle("ignored", { requests: 0, usd: ahead })
  return (usd) => {
    // While the quota's gate is shut or others wait, the estimate stands.
    quota.tryAdmit({ requests: 0 })?.settle("ignored", { requests: 0, usd: usd - ahead })
  }
}
