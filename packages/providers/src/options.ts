import type { Backoff, Clock, EventSink, Limiter, Random } from "@sluice/core"
import type { Quota, QuotaOptions, RetryBudget } from "@sluice/scheduler"
import type { LaneOptions } from "./vendor-batch/engine/lane-options.ts"
import type { Fallback } from "./call/elsewhere/fallback-option.ts"
import type { AdaptiveTimeout, HedgeOptions } from "./call/slow-options.ts"
import type { NamedQuota, QuotaIdentity } from "./accounts/accounts.ts"
import type { Prices } from "./accounts/prices.ts"
import type { Vendor } from "./vendors/vendor.ts"

/** What `keyBy` sees of a call. */
export interface CallIdentity {
  readonly url: URL
  readonly vendor: string
  readonly model: string
  /** Reads a header of the request. */
  readonly header: (name: string) => string | null
}

/** Options of `limitedFetch`. The limits may stand beside them, for all models together. */
export interface LimitedFetchOptions extends Omit<QuotaOptions, "name"> {
  /** Limits by model or pattern: all models that a pattern fits share one quota. A model that none fits learns its own. */
  readonly limits?: Readonly<Record<string, QuotaOptions>>
  /**
   * A limiter of yours for every model call, in place of all limits here; or what makes the quota of each account and model pattern, in
   * place of `createQuota`.
   */
  readonly quota?: Limiter | ((options: NamedQuota, identity: QuotaIdentity) => Quota)
  /**
   * The vendor, where URLs do not tell. A name of `vendors`: every POST that is not plainly something else is a call to it.
   * One of your own: its `recognise` decides.
   */
  readonly vendor?: string | Vendor
  /** Every POST is limited, whatever it is. Default false: model calls alone. */
  readonly everything?: boolean
  /** Whose quota a call uses (default: whoever the credentials belong to), and in whose queue it waits. */
  readonly keyBy?: (call: CallIdentity) => { readonly account?: string; readonly tenant?: string }
  /** Higher goes first. Default: the priority of the item that makes the call, else 0. */
  readonly priority?: number | ((call: CallIdentity) => number)
  readonly retry?: {
    /** Attempts that end in the vendor's fault: 5xx, overload, a broken connection, a time-out. Default 6. */
    readonly maxAttempts?: number
    /** Refusals ("too fast") that one call takes before it gives up. Each wait is the quota's. Default 20. */
    readonly maxRefusals?: number
    readonly backoff?: Partial<Backoff>
    /** Bounds the share of such retries over all calls. Default: a fifth of the calls, and 1,000 saved up. */
    readonly budget?: RetryBudget
  }
  /** Per attempt, until the answer is whole or its stream has begun; waiting for admission is not in it. Default 600,000. */
  readonly timeoutMs?: number
  /** Silence inside a stream that ends it. Default 300,000. */
  readonly idleTimeoutMs?: number
  /**
   * Sends a call a second time when it takes longer than nearly all calls alike before it (one in fifty, by default), where a permit is
   * free that nobody waits for; once more where that attempt fails or is late too. The first answer counts, the others are given up;
   * all are paid for. Off unless it is given.
   */
  readonly hedge?: HedgeOptions
  /**
   * Gives an attempt up whose answer, or its stream, has not begun within so many times what is usual for calls alike, a second at
   * least, and tries it again with twice the time. Off unless it is given; `timeoutMs` holds all the same.
   */
  readonly adaptiveTimeout?: AdaptiveTimeout
  /** A longer answer that is not streamed is an error, `answer-too-large`, so that none fills the memory. Default 256,000,000. */
  readonly maxAnswerBytes?: number
  /** How long a call may wait for admission, all its attempts together. Default: as long as it takes. */
  readonly maxWaitMs?: number
  /** Secrets of several accounts: each call goes to the one with the most room. Held in memory, told to nobody. */
  readonly keys?: readonly string[]
  /** Where a call goes, in this order, when it gets no answer where it was sent. */
  readonly fallback?: readonly Fallback[]
  /** How calls of items whose batch says `lane` are put into batches of the vendor. */
  readonly vendorBatches?: LaneOptions
  /** Overrides of, and additions to, the price list. */
  readonly prices?: Prices
  /** What sends. Default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  readonly clock?: Clock
  readonly random?: Random
  readonly onEvent?: EventSink
}

/** The defaults, each with its reason. */
export const limitedFetchDefaults: {
  readonly maxRefusals: number
  readonly savedRetries: number
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxAnswerBytes: number
} = Object.freeze({
  /** Each refusal has waited a gate out: twenty are minutes of a vendor saying no. Finite, so that nothing hangs for good. */
  maxRefusals: 20,
  /** Some hundred calls in flight survive an outage of seconds; an outage of hours is not hammered. */
  savedRetries: 1000,
  /** The SDKs' own: long answers of reasoning models take minutes. */
  timeoutMs: 600_000,
  /** Reasoning may be silent for minutes; undici's own limit between two chunks is the same. */
  idleTimeoutMs: 300_000,
  /** The longest that a vendor sends: 2,048 embeddings of 3,072 numbers, written out, are 140 MB. */
  maxAnswerBytes: 256_000_000,
})
