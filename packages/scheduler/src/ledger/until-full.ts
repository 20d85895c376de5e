import { amountOf } from "../limits/budget.ts"
import type { SentCall } from "../quota/ledger.ts"
import type { Throttled } from "./refusal-facts.ts"

/**
 * A refusal with no longer a delay than its own headers allow: the limit that it names is empty, and full again sooner. Some gateways
 * name the same delay with every refusal.
 */
export function untilFull(end: Throttled, { cost }: SentCall): Throttled {
  const { reason, dimension, retryAfterMs = 0, limits } = end
  const { resetMs, remaining = Infinity } = limits?.find((one) => one.dimension === dimension) ?? {}
  if (reason !== "rate" || !resetMs || resetMs >= retryAfterMs) return end
  return remaining < amountOf(cost, dimension!) ? { ...end, retryAfterMs: resetMs } : end
}
