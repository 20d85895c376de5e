import type { Ledger } from "./ledger.ts"
import { LocalLedger } from "../ledger/local-ledger.ts"
import { checkQuotaOptions, type QuotaOptions } from "./options.ts"
import { CheckedQuota } from "./checked-quota.ts"
import { LiveQuota } from "./live-quota.ts"
import type { Quota } from "./quota.ts"

/**
 * A quota: every dimension of one vendor account and model, taken all at once or not at all.
 *
 * Guarantees: never more than the limits admit in any window of their kind; never idle while a call that fits waits; first in, first
 * out per tenant, fair shares across tenants, higher priority first; a slot is handed to the next waiter in the tick it comes free; every wait ends by admission,
 * abort or error. Memory O(waiting + in flight). One timer in all.
 *
 * With no limit named it learns: from headers where there are any, else from refusals and latency.
 *
 * @throws SluiceError `invalid-option` naming path, wanted, got
 * @example
 * ```ts
 * const quota = createQuota({ requestsPerMinute: 500, tokensPerMinute: 200_000 })
 * const permit = await quota.admit({ inputTokens: 900, outputTokens: 300 })
 * permit.settle({ outcome: "success", actual: { inputTokens: 900, outputTokens: 120 } })
 * ```
 */
export function createQuota(options: QuotaOptions = {}): Quota {
  checkQuotaOptions("createQuota", options)
  return new CheckedQuota(new LocalLedger(options), options)
}

/** The same for code that has looked at all that it asks and tells, these options too. */
export function ownQuota(options: QuotaOptions): Quota {
  return new LiveQuota(new LocalLedger(options), options)
}

/**
 * The queue of a quota before a ledger of its own, which counts where and as it likes: `createQuota` is this over a `LocalLedger`. What
 * belongs to the queue (`name`, `maxQueue`, `onExhausted`, `weights`, `clock`, `onEvent`) is taken from `options`.
 *
 * @example
 * ```ts
 * const quota = quotaOn(new LocalLedger({ requestsPerMinute: 60 }), { name: "mine" })
 * ```
 */
export function quotaOn(ledger: Ledger, options: QuotaOptions = {}): Quota {
  checkQuotaOptions("quotaOn", options)
  return new CheckedQuota(ledger, options)
}
