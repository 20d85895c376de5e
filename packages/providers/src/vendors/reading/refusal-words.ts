/**
 * Whether a refusal's words say that too many calls run at once, and not that they come too fast.
 *
 * @example
 * ```ts
 * wantsPlaces("You have exceeded the maximum number of concurrent requests.") // => true
 * ```
 */
export function wantsPlaces(words: string): boolean {
  return /\bconcurren(t|cy)|\bsimultaneous|\bin parallel\b|\bparallel (calls|requests)\b/i.test(words)
}

const moneyCodes: ReadonlySet<string> = new Set([
  "insufficient_quota",
  "credit_balance_exhausted",
  "organization_spend_limit_exceeded",
  "project_spend_limit_exceeded",
  "organization_usage_limit_exceeded",
  "billing_hard_limit_reached",
  "billing_not_active",
  "billing_error",
  "account_deactivated",
  "enforced_spend_limit_reached",
  "contract_spend_limit_reached",
  "budget_exceeded",
])

const moneyWords =
  /key limit exceeded|credit balance is too low|specified API usage limit|insufficient (?:credit|balance|fund|quota)|spend(?:ing)? (?:limit|cap)|billing (?:hard )?limit|out of credits|credits? (?:are |is |have been )?(?:depleted|exhausted)|prepay|budget (?:has been )?exceeded/i

/**
 * Whether an error is about money: no call of this account passes until somebody pays. By code, or by the words of
 * those who send it under a status that means something else (Anthropic 400, OpenRouter 403, LiteLLM 400).
 */
export function isSpendCap(code: string | undefined, message: string): boolean {
  return (code !== undefined && moneyCodes.has(code)) || moneyWords.test(message.slice(0, 1_000))
}
